"""Whether AI workers slow down the way to the archive: instances a second with and without them, and the ratio.

Run ``python -m benchmarks.ai``. The product runs with one rule that sends everything to a DCMTK storescp; in half of
the runs the rule also names a pool of AI workers, which are simulators of this tree: one that answers, one that refuses
and one that hangs. The runs alternate, and the ratio of the medians is what counts: 1.00 is no difference.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dicomnet.scu.association import Peer
from gateway.env import BASE_DIR
from tests.journeys.dcmtk import storescp
from tests.journeys.product import Product, product, wait_until
from tests.journeys.sender import Sender, write_instances

PATIENCE_SECONDS = 300
# What each simulated node does; all of them take part of the load.
NODES = {
    "AI_GOOD": ("--result", "sc"),
    "AI_BAD": ("--failure-rate", "1"),
    "AI_HANGS": ("--mode", "hang"),
}


@dataclass(frozen=True)
class Run:
    """One run, instances a second.

    Attributes:
        delivered: until the archive had the last one.
        asked_after: seconds until every request had been sent to some AI worker, since the archive had the last
            instance; None without AI workers.
    """

    acknowledged: float
    delivered: float
    asked_after: float | None


@contextmanager
def node(running: Product, title: str, *flags: str) -> Iterator[int]:
    """A simulated AI node beside the product; its port."""
    # In a hospital it has a machine of its own: here it gets what the gateway leaves of this one.
    command = ["nice", "-n", "19", sys.executable, "manage.py", "simulateaiworker"]
    command += ["--ae-title", title, "--port", "0", *flags]
    process = subprocess.Popen(
        command, cwd=BASE_DIR, env=running.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    if process.stdout is None:
        raise SystemExit("the node has no output")
    try:
        yield int(process.stdout.readline().split("127.0.0.1:")[1].split()[0])
    finally:
        process.kill()  # one that hangs does not end when it is asked
        process.wait()
        process.stdout.close()


def add_pool(running: Product, ports: dict[str, int]) -> None:
    """A pool of these nodes, named by the rule that there is."""
    code = f"""
from routing.models import AIPool, AIWorker, Rule
from routing.rules import save_rule
pool = AIPool.objects.create(name="Pool")
for title, port in {ports!r}.items():
    AIWorker.objects.create(pool=pool, name=title, ae_title=title, host="127.0.0.1", port=port, timeout_seconds=20)
rule = Rule.objects.get()
save_rule(rule, destinations=rule.destinations.all(), ai_pools=[pool])
"""
    done = running.run("shell", "--no-imports", "-c", code)
    if done.returncode:
        raise SystemExit(done.stderr)


def measure(files: list[Path], associations: int, *, with_ai: bool) -> Run:
    """Send all files through a fresh product."""
    with tempfile.TemporaryDirectory(prefix="gantry-bench-") as folder, ExitStack() as stack:
        sink = Path(folder) / "sink"
        port = stack.enter_context(storescp(sink))
        running = stack.enter_context(product(Path(folder) / "home"))
        running.start()
        running.configure(destinations={"PACS": ("PACS", port)})
        if with_ai:
            add_pool(running, {title: stack.enter_context(node(running, title, *NODES[title])) for title in NODES})
        acknowledged, delivered = _send(running, files, associations, sink)
        asked_after = _wait_until_asked(running) if with_ai else None
    return Run(len(files) / acknowledged, len(files) / delivered, asked_after)


def _wait_until_asked(running: Product) -> float:
    began = time.monotonic()
    unasked = "SELECT count(*) FROM routing_airequest WHERE attempts = 0"
    wait_until(lambda: running.count(unasked) == 0, PATIENCE_SECONDS)
    return time.monotonic() - began


def _send(running: Product, files: list[Path], associations: int, sink: Path) -> tuple[float, float]:
    """Seconds until all is acknowledged, and until the archive has all."""
    peer = Peer("GANTRY", "127.0.0.1", running.dicom_port, "BENCH")
    began = time.monotonic()
    senders = [Sender(peer, files[part::associations]) for part in range(associations)]
    threads: list[threading.Thread] = [sender.start() for sender in senders]
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
    acknowledged = time.monotonic() - began
    wait_until(lambda: len(os.listdir(sink)) >= len(files), PATIENCE_SECONDS)
    return acknowledged, time.monotonic() - began


def show(runs: dict[bool, list[Run]], count: int) -> None:
    """A table with medians and the ratio."""
    table = Table(title=f"{count} instances of 0.5 MB, instances/s (median of {len(runs[True])})")
    for heading in ("", "acknowledged", "at the archive", "AI asked after s"):
        table.add_column(heading, justify="left" if not heading else "right")
    middle = {}
    for with_ai, measured in runs.items():
        middle[with_ai] = statistics.median(run.delivered for run in measured)
        acknowledged = statistics.median(run.acknowledged for run in measured)
        waits = [run.asked_after for run in measured if run.asked_after is not None]
        asked_after = f"{statistics.median(waits):.1f}" if waits else ""
        name = "with AI workers" if with_ai else "without"
        table.add_row(name, f"{acknowledged:.0f}", f"{middle[with_ai]:.0f}", asked_after)
    Console().print(table)
    Console().print(f"ratio {middle[True] / middle[False]:.2f}", highlight=False)


def main() -> None:
    """Parse the options, measure in turn, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--studies", type=int, default=20)
    parser.add_argument("--associations", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gantry-bench-") as folder:
        files = write_instances(Path(folder), options.count, studies=options.studies, pixels=512)
        runs: dict[bool, list[Run]] = {False: [], True: []}
        for _ in range(options.repeat):
            for with_ai, measured in runs.items():
                measured.append(measure(files, options.associations, with_ai=with_ai))
    show(runs, options.count)


if __name__ == "__main__":
    main()
