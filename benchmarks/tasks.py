"""Every task of the benchmark: its name, the peers that take part, and how one run of it is done."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import associations, dicomweb, journey, query, queryable, retrieve, send, span
from benchmarks.bars import GANTRY, GANTRY_PG, ORTHANC, STOCK, STORESCP
from benchmarks.bench import Bench, gantry_over_tls
from benchmarks.gantry import Template
from benchmarks.receive import measure, wait_until_stored
from benchmarks.receivers import Receiver, orthanc, storescp
from benchmarks.wire import clock

AS_INSTALLED = 160  # a peer with Nagle's algorithm on takes 50 ms for each
SENT = 640  # fewer are over before the associations have cost less than the instances


@dataclass(frozen=True)
class Trial:
    """One peer at one task, to be run as often as wanted."""

    task: str
    peer: str
    run: Callable[[], dict[str, float]]


def trials(bench: Bench) -> Iterator[Trial]:
    """All trials of the whole benchmark."""
    yield from _receiving(bench)
    yield from _as_installed(bench)
    for count in (1, 4):
        for sender in send.SENDERS:
            yield Trial(f"send ct {count}", sender, partial(_send, bench, sender, SENT, count, has_nodelay=True))
    for peer in (GANTRY, ORTHANC, STORESCP, STOCK):
        if peer in bench.receivers():
            yield Trial("associations", peer, partial(_with_receiver, bench, peer, associations.measure_opening))
            yield Trial("idle", peer, partial(_with_receiver, bench, peer, associations.measure_idle))
    for peer, gateway in _gateways(bench).items():
        yield Trial("journey ct 4", peer, partial(_journey, bench, gateway, 4))
    for peer, start in query.starts(bench).items():
        for count in (1, 8):
            yield Trial(f"find {count}", peer, partial(query.measure_find, bench, start, count))
            yield Trial(f"qido {count}", peer, partial(query.measure_qido, bench, start, count))
    for peer, archive in _archives(bench).items():
        for task, service in (("get ct", retrieve.GET), ("move ct", retrieve.MOVE)):
            yield Trial(task, peer, partial(retrieve.measure, bench, archive, service))
    for peer, web in dicomweb.services(bench).items():
        yield Trial("dicomweb", peer, partial(dicomweb.measure, bench, web))
    yield Trial("span", STOCK, span.measure_naive)
    for peer, template in ((GANTRY, bench.embedded), (GANTRY_PG, bench.on_postgresql)):
        if template:
            yield Trial("span", peer, partial(span.measure, bench, template))
            load = partial(queryable.measure_under_load, bench, template)
            alone = partial(queryable.measure_idle, bench, template)
            yield Trial("queryable load", peer, partial(_with_files, bench, load))
            yield Trial("queryable idle", peer, partial(_with_files, bench, alone))


def _receiving(bench: Bench) -> Iterator[Trial]:
    for kind in ("ct", "mr", "mg"):
        for count in (1, 4, 16):
            for peer in bench.receivers():
                # What limits it shows with CT; with the other kinds it would take most of the time.
                if peer != STOCK or kind == "ct":
                    yield Trial(f"receive {kind} {count}", peer, partial(_receive, bench, peer, kind, count))
    if bench.embedded:
        for count in (1, 4):
            over_tls = partial(_receive_over_tls, bench, bench.embedded, count)
            yield Trial(f"receive ct {count} over TLS", GANTRY, over_tls)
    for peer in bench.receivers():
        if peer in {GANTRY, ORTHANC, STORESCP}:
            yield Trial("receive big 4", peer, partial(_receive, bench, peer, "big", 4))


def _as_installed(bench: Bench) -> Iterator[Trial]:
    receivers: dict[str, Callable[[Path], AbstractContextManager[Receiver]]] = {
        ORTHANC: partial(orthanc, has_nodelay=False),
        STORESCP: lambda folder: storescp(folder, has_nodelay=False),
    }
    if bench.embedded:
        receivers[GANTRY] = bench.receivers()[GANTRY]
    for peer, start in receivers.items():
        yield Trial("as installed receive", peer, partial(_receive_from_dcmsend, bench, start))
    for sender in send.SENDERS:
        yield Trial("as installed send", sender, partial(_send, bench, sender, AS_INSTALLED, 1, has_nodelay=False))


def _gateways(bench: Bench) -> dict[str, journey.Gateway]:
    gateways: dict[str, journey.Gateway] = {ORTHANC: journey.orthanc_that_routes}
    for peer, template in ((GANTRY, bench.embedded), (GANTRY_PG, bench.on_postgresql)):
        if template:
            gateways[peer] = journey.gantry_that_routes(template)
    return gateways


def _archives(bench: Bench) -> dict[str, retrieve.Start]:
    archives: dict[str, retrieve.Start] = {ORTHANC: retrieve.orthanc_archive}
    for peer, template in ((GANTRY, bench.embedded), (GANTRY_PG, bench.on_postgresql)):
        if template:
            archives[peer] = retrieve.gantry_archive(template)
    return archives


def _journey(bench: Bench, gateway: journey.Gateway, count: int) -> dict[str, float]:
    return journey.measure(bench, gateway, bench.files("journey"), count)


def _receive(bench: Bench, peer: str, kind: str, count: int) -> dict[str, float]:
    paths = bench.files(kind)
    with bench.room() as folder, bench.receivers()[peer](folder) as receiver:
        return measure(receiver, paths, count, folder)


def _receive_over_tls(bench: Bench, template: Template, count: int) -> dict[str, float]:
    paths = bench.files("ct")
    with bench.room() as folder, gantry_over_tls(template, folder) as receiver:
        return measure(receiver, paths, count, folder)


def _receive_from_dcmsend(bench: Bench, start: Callable[[Path], AbstractContextManager[Receiver]]) -> dict[str, float]:
    paths = bench.files("ct")[:AS_INSTALLED]
    with bench.room() as folder, start(folder) as receiver:
        began = clock()
        send.run_dcmsend(receiver.address, paths, 1, False, folder)
        acknowledged = clock()
        indexed = wait_until_stored(receiver, len(paths), acknowledged)
    return {"acknowledged/s": len(paths) / (acknowledged - began), "indexed/s": len(paths) / (indexed - began)}


def _send(bench: Bench, sender: str, limit: int, count: int, *, has_nodelay: bool) -> dict[str, float]:
    return send.measure(bench, sender, bench.files("ct")[:limit], count, has_nodelay=has_nodelay)


def _with_receiver(bench: Bench, peer: str, run: Callable[[Receiver], dict[str, float]]) -> dict[str, float]:
    with bench.room() as folder, bench.receivers()[peer](folder) as receiver:
        return run(receiver)


def _with_files(bench: Bench, run: Callable[[list[Path]], dict[str, float]]) -> dict[str, float]:
    return run(bench.files("ct"))
