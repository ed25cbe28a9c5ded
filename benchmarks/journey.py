"""How many instances a second go through receive, index, rules and delivery; beside an Orthanc that auto-routes.

Run ``python -m benchmarks.journey``. Both gateways take the same files from the same sender over loopback, and deliver
to a DCMTK storescp of their own. They run in turn, and the table shows medians and the ratio.
"""

import argparse
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dicomnet.scu.association import Peer
from tests.journeys.dcmtk import orthanc, storescp
from tests.journeys.product import product, wait_until
from tests.journeys.sender import Sender, write_instances

PATIENCE_SECONDS = 300
AUTO_ROUTE = """
function OnStoredInstance(instanceId, tags, metadata)
  Delete(SendToModality(instanceId, 'PACS'))
end
"""


@dataclass(frozen=True)
class Run:
    """One gateway's figures in one run, instances per second.

    Attributes:
        acknowledged: until the sender had the last status.
        delivered: until the destination had the last instance.
    """

    acknowledged: float
    delivered: float


@contextmanager
def gantry(folder: Path, sink_port: int) -> Iterator[Peer]:
    """The product as ``make run`` starts it, with one rule."""
    with product(folder / "home") as running:
        running.start()
        running.configure(destinations={"PACS": ("PACS", sink_port)})
        yield Peer("GANTRY", "127.0.0.1", running.dicom_port, "BENCH")


@contextmanager
def auto_routing_orthanc(folder: Path, sink_port: int) -> Iterator[Peer]:
    """Orthanc that sends each instance on and drops it."""
    script = folder / "route.lua"
    script.write_text(AUTO_ROUTE)
    modalities = {"PACS": ["PACS", "127.0.0.1", sink_port]}
    with orthanc(folder / "orthanc", LuaScripts=[str(script)], DicomModalities=modalities) as (dicom_port, _):
        yield Peer("ORTHANC", "127.0.0.1", dicom_port, "BENCH")


GATEWAYS: dict[str, Callable[[Path, int], AbstractContextManager[Peer]]] = {
    "Gantry": gantry,
    "Orthanc": auto_routing_orthanc,
}


def measure(name: str, files: list[Path], associations: int) -> Run:
    """Send all files through one gateway."""
    with tempfile.TemporaryDirectory(prefix="gantry-bench-") as folder:
        sink = Path(folder) / "sink"
        with storescp(sink) as port, GATEWAYS[name](Path(folder), port) as peer:
            began = time.monotonic()
            senders = [Sender(peer, files[part::associations]) for part in range(associations)]
            threads: list[threading.Thread] = [sender.start() for sender in senders]
            for thread in threads:
                thread.join(PATIENCE_SECONDS)
            acknowledged = time.monotonic() - began
            wait_until(lambda: len(list(sink.iterdir())) >= len(files), PATIENCE_SECONDS)
            delivered = time.monotonic() - began
    return Run(len(files) / acknowledged, len(files) / delivered)


def show(runs: dict[str, list[Run]], count: int, associations: int) -> None:
    """A table with medians and ratios."""
    table = Table(title=f"{count} instances of 0.5 MB, {associations} associations, instances/s (median)")
    for heading in ("gateway", "acknowledged", "delivered", "ratio delivered"):
        table.add_column(heading, justify="left" if heading == "gateway" else "right")
    base = statistics.median(run.delivered for run in runs["Orthanc"])
    for name, measured in runs.items():
        acknowledged = statistics.median(run.acknowledged for run in measured)
        delivered = statistics.median(run.delivered for run in measured)
        table.add_row(name, f"{acknowledged:.0f}", f"{delivered:.0f}", f"{delivered / base:.2f}")
    Console().print(table)


def main() -> None:
    """Parse the options, measure in turn, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--associations", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gantry-bench-") as folder:
        files = write_instances(Path(folder), options.count, pixels=512)
        runs: dict[str, list[Run]] = {name: [] for name in GATEWAYS}
        for _ in range(options.repeat):
            for name in GATEWAYS:
                runs[name].append(measure(name, files, options.associations))
    show(runs, options.count, options.associations)


if __name__ == "__main__":
    main()
