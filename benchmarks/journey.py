"""How many instances a second go through receive, index, rules and delivery to two destinations.

An Orthanc beside it sends each instance on by a script, as its documentation does it. Both destinations of both are
DCMTK's storescp with a process for each association.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.gantry import Template, gantry
from benchmarks.meter import MIB, cpu_seconds, prewarm
from benchmarks.receive import sending
from benchmarks.receivers import Failed, Receiver, count_files, orthanc, storescp
from benchmarks.wire import clock

DESTINATIONS = ("PACS1", "PACS2")
PATIENCE_SECONDS = 600
POLL_SECONDS = 0.05
AUTO_ROUTE = """
function OnStoredInstance(instanceId, tags, metadata)
  SendToModality(instanceId, 'PACS1')
  SendToModality(instanceId, 'PACS2')
end
"""
Gateway = Callable[[Path, dict[str, int]], AbstractContextManager[Receiver]]


def gantry_that_routes(template: Template) -> Gateway:
    """Gantry with one rule that sends everything to both."""
    return partial(_gantry, template)


@contextmanager
def orthanc_that_routes(folder: Path, ports: dict[str, int]) -> Iterator[Receiver]:
    """Orthanc with a script that sends each instance to both."""
    script = folder / "route.lua"
    script.write_text(AUTO_ROUTE)
    modalities = {name: [name, "127.0.0.1", port] for name, port in ports.items()}
    with orthanc(folder, LuaScripts=[str(script)], DicomModalities=modalities) as receiver:
        yield receiver


def measure(bench: Bench, gateway: Gateway, paths: list[Path], associations: int) -> dict[str, float]:
    """Send all files through one gateway.

    Raises:
        Failed: one was not acknowledged, or did not come to a destination.
    """
    with bench.room() as folder, ExitStack() as stack:
        prewarm(folder, min(3 * sum(path.stat().st_size for path in paths), 4096 * MIB))
        sinks, ports = {}, {}
        for name in DESTINATIONS:
            (folder / name).mkdir()
            sink = storescp(folder / name, "--fork", "+B", "+xa", "-pdu", "131072")
            ports[name] = stack.enter_context(sink).address.port
            sinks[name] = folder / name / "out"
        (folder / "gateway").mkdir()
        receiver = stack.enter_context(gateway(folder / "gateway", ports))
        sender = stack.enter_context(sending(receiver.address, paths, associations))
        cpu = cpu_seconds(receiver.roots)
        sender.start()
        sent = sender.result()
        sent.check(len(paths))
        ended = _wait_until_delivered(receiver, sinks, len(paths))
        spent = cpu_seconds(receiver.roots) - cpu
    return {
        "acknowledged/s": len(paths) / (sent.ended - sent.began),
        "delivered/s": len(paths) / (ended - sent.began),
        "cpu s/1000": spent * 1000 / len(paths),
    }


def _wait_until_delivered(receiver: Receiver, sinks: dict[str, Path], count: int) -> float:
    deadline = clock() + PATIENCE_SECONDS
    while (found := {name: count_files(sink) for name, sink in sinks.items()}) != dict.fromkeys(sinks, count):
        if not receiver.is_alive() or clock() > deadline:
            raise Failed(f"of {count} instances were delivered: {found}")
        time.sleep(POLL_SECONDS)
    return clock()


@contextmanager
def _gantry(template: Template, folder: Path, ports: dict[str, int]) -> Iterator[Receiver]:
    with gantry(folder, template) as (receiver, running):
        running.configure(destinations={name: (name, port) for name, port in ports.items()})
        yield receiver
