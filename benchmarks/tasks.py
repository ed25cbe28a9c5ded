"""Every task of the benchmark: its name, the peers that take part, and how one run of it is done."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from benchmarks.bars import STOCK
from benchmarks.bench import Bench
from benchmarks.receive import measure

Measure = Callable[[], dict[str, float]]


@dataclass(frozen=True)
class Trial:
    """One peer at one task, to be run as often as wanted."""

    task: str
    peer: str
    run: Measure


def trials(bench: Bench) -> Iterator[Trial]:
    """All trials of the whole benchmark."""
    for kind in ("ct", "mr", "mg"):
        for associations in (1, 4, 16):
            for peer in bench.receivers():
                # What limits it shows with CT; with the other kinds it would take most of the time.
                if peer == STOCK and kind != "ct":
                    continue
                yield Trial(f"receive {kind} {associations}", peer, partial(receive, bench, peer, kind, associations))


def receive(bench: Bench, peer: str, kind: str, associations: int) -> dict[str, float]:
    """Send all files of one kind to a fresh receiver."""
    paths = bench.files(kind)
    with bench.room() as folder, bench.receivers()[peer](folder) as receiver:
        return measure(receiver, paths, associations, folder)
