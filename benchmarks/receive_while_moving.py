"""What receiving loses while studies move from hot to cold on the same disk.

Run ``python -m benchmarks.receive_while_moving``. One installation holds 2,000 CT (1.05 GB). In each round 2,000 other
CT come in over 4 associations, once with nothing beside them and once while the first 2,000 are put away, in shuffled
order; medians over the rounds are compared.
"""

import argparse
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.gantry import Template, gantry, prepare
from benchmarks.instances import KINDS, write_instances
from benchmarks.meter import prewarm
from benchmarks.receive import sending
from benchmarks.receivers import Failed, Receiver
from tests.journeys.product import Product, wait_until

MOVED, SENT, ASSOCIATIONS, ROUNDS = 2000, 2000, 4, 5
TO_REACH = 0.9
ALONE, BESIDE = "alone", "while studies move"
PATIENCE_SECONDS = 600
console = Console()


def main() -> None:
    """Set an installation up, measure in turns, and show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.receive_while_moving")
    parser.add_argument("--repeat", type=int, default=ROUNDS, help=f"rounds ({ROUNDS})")
    rounds = parser.parse_args().repeat
    for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"):
        os.environ.pop(name, None)
    rates: dict[str, list[float]] = {ALONE: [], BESIDE: []}
    under_way = []
    with tempfile.TemporaryDirectory(prefix="gb-") as folder, installation(Path(folder)) as measured:
        for _ in range(rounds):
            for name in random.sample([ALONE, BESIDE], 2):
                rate, still_open = measured.receive(begin=measured.put_away if name == BESIDE else lambda: None)
                rates[name].append(rate)
                console.print(f"{name}: {rate:.0f} a second")
                if name == BESIDE:
                    under_way.append(still_open)
                    measured.bring_back()
    console.print(_shown(rates))
    console.print(f"Moves that were still open when the last instance came, of {MOVED // 500}: {under_way}")


@dataclass
class Measured:
    """A running Gantry that holds studies to be moved."""

    folder: Path
    running: Product
    receiver: Receiver
    numbers: Iterator[int]

    @property
    def cold(self) -> Path:
        """The cold location."""
        return self.folder / "cold"

    def receive(self, begin: Callable[[], None]) -> tuple[float, int]:
        """Instances acknowledged a second, and how many moves were open at the last; waits until all are indexed."""
        number = next(self.numbers)
        files = write_instances(self.folder / f"sent{number}", replace(KINDS["ct"], number=number), SENT)
        found = self.send(files, begin)
        shutil.rmtree(files[0].parent)
        return found

    def send(self, files: list[Path], begin: Callable[[], None]) -> tuple[float, int]:
        """Send them, once this has begun beside it; see receive."""
        prewarm(self.folder, sum(path.stat().st_size for path in files))
        expected = self.stored() + len(files)
        with sending(self.receiver.address, files, ASSOCIATIONS) as sender:
            begin()
            sender.start()
            sent = sender.result()
            still_open = self.open_moves()
            sent.check(len(files))
        wait_until(lambda: self.stored() == expected, PATIENCE_SECONDS)
        return len(files) / (sent.ended - sent.began), still_open

    def stored(self) -> int:
        """Rows of instances that rules have decided on."""
        return self.running.count("SELECT count(*) FROM studies_instance WHERE planned_at IS NOT NULL")

    def open_moves(self) -> int:
        """Moves that are not done."""
        return self.running.count("SELECT count(*) FROM tiering_move WHERE state IN ('waiting', 'copying', 'switched')")

    def put_away(self) -> None:
        """Have the studies put away; returns when bytes are being copied."""
        self.ask("cold")
        wait_until(lambda: any(self.cold.rglob("*.tar*")), PATIENCE_SECONDS)

    def bring_back(self) -> None:
        """All as it was before."""
        wait_until(lambda: not self.open_moves(), PATIENCE_SECONDS)
        self.ask("hot")
        wait_until(lambda: not self.open_moves(), PATIENCE_SECONDS)
        self.code("from tiering.models import Pack; Pack.objects.all().delete()")
        shutil.rmtree(self.cold)
        self.cold.mkdir()

    def ask(self, tier: str) -> None:
        """Ask for a move of each study that was made for it."""
        self.code(
            "from studies.models import Study; from tiering.ask import ask_for_move; "
            "studies = Study.objects.filter(number_of_study_related_instances=500); "
            f"[ask_for_move(study, {tier!r}, by='benchmark') for study in studies]"
        )

    def code(self, code: str) -> None:
        """Run something in the installation.

        Raises:
            Failed: it failed.
        """
        done = self.running.run("shell", "--no-imports", "-c", code)
        if done.returncode:
            raise Failed(done.stderr)


@contextmanager
def installation(folder: Path) -> Iterator[Measured]:
    """A running Gantry with studies in it, all complete."""
    template: Template = prepare(folder / "embedded", None)
    settings = {"GANTRY_TIER_GRACE_SECONDS": "0", "GANTRY_STABLE_SECONDS": "1"}
    with gantry(folder, template, **settings) as (receiver, running):
        measured = Measured(folder, running, receiver, count(100))
        measured.cold.mkdir()
        path = str(measured.cold)
        measured.code(
            f"from tiering.models import Location; Location.objects.create(name='Cold', tier='cold', path={path!r})"
        )
        measured.send(write_instances(folder / "moved", KINDS["stack"], MOVED), lambda: None)
        incomplete = "SELECT count(*) FROM studies_study WHERE completed_at IS NULL"
        wait_until(lambda: running.count(incomplete) == 0, PATIENCE_SECONDS)
        time.sleep(1)
        yield measured


def _shown(rates: dict[str, list[float]]) -> Table:
    table = Table(title=f"{SENT} CT over {ASSOCIATIONS} associations, acknowledged a second")
    for column in ("", "median", "least", "most", "alone = 1", "to reach"):
        table.add_column(column, justify="left" if not column else "right")
    alone = statistics.median(rates[ALONE])
    for name, found in rates.items():
        median = statistics.median(found)
        bar = f"{TO_REACH}" if name == BESIDE else ""
        row = (f"{median:.0f}", f"{min(found):.0f}", f"{max(found):.0f}", f"{median / alone:.2f}", bar)
        table.add_row(name, *row)
    return table


if __name__ == "__main__":
    main()
