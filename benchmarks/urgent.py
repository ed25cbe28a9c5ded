"""How soon a STAT study leaves while very many routine instances wait for the same destination.

Run ``python -m benchmarks.urgent``. The product delivers to a DCMTK storescp, for which so many deliveries of another
source wait already; then a scanner of the emergency room sends a study of ten instances, whose rule says STAT. The
time is from the last acknowledgement to the last of its instances at the destination. The same is measured with
nothing waiting.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import generate_uid
from rich.console import Console
from rich.table import Table

from dicomnet.scu.association import Peer
from tests.journeys.dcmtk import storescp
from tests.journeys.product import Product, product, wait_until
from tests.journeys.sender import Sender, write_instances

INSTANCES = 10
PATIENCE_SECONDS = 120
POLL_SECONDS = 0.01
BAR_SECONDS = 2.0
LEFT = "SELECT count(*) FROM routing_delivery WHERE state = 'delivered' AND priority = 1"
RULES = """
from routing.models import Destination, Priority, Rule
from routing.rules import save_rule
made = [Destination.objects.create(name="PACS", ae_title="PACS", host="127.0.0.1", port={port})]
urgent = [{{"attribute": "CallingAETitle", "operator": "equals", "value": "ER"}}]
save_rule(Rule(name="emergency", order=1, conditions=urgent, priority=Priority.STAT), destinations=made)
save_rule(Rule(name="everything", order=2), destinations=made)
"""
FILL = """
from django.utils import timezone
from routing.models import Delivery, Destination, Rule
from studies.models import Instance
from studies.statements import insert_rows
first, now = Instance.objects.first(), timezone.now()
kept = ("series_id", "sop_class_uid", "transfer_syntax_uid", "location", "size_bytes", "data_set_offset", "received_at")
row = {{name: getattr(first, name) for name in kept}} | {{"indexed_at": now, "planned_at": now}}
numbers = range({first}, {first} + {count})
last = Instance.objects.order_by("-pk")[0].pk
insert_rows(Instance, [row | {{"sop_instance_uid": f"2.25.9.{{n}}", "sha256": f"{{n:064x}}"}} for n in numbers])
rule = Rule.objects.get(name="everything").versions.get()
destination = Destination.objects.get()
row = {{"destination_id": destination.pk, "rule_version_id": rule.pk, "calling_ae_title": "CT", "priority": 3,
       "next_attempt_at": now, "queued_at": now, "created_at": now}}
added = Instance.objects.filter(pk__gt=last).values_list("pk", flat=True)
insert_rows(Delivery, [row | {{"instance_id": pk}} for pk in added])
"""
CHUNK = 20_000
HOLD = "from routing.models import Destination; Destination.objects.update(is_enabled={})"


@contextmanager
def gateway(waiting: int, template: Path, folder: Path) -> Iterator[Product]:
    """The product with both rules and so many deliveries that wait."""
    with ExitStack() as stack:
        port = stack.enter_context(storescp(folder / "sink"))
        running = stack.enter_context(product(folder / "home"))
        running.start()
        tell(running, RULES.format(port=port))
        send(running, "CT", [template])
        wait_until(lambda: running.count("SELECT count(*) FROM routing_delivery WHERE state = 'delivered'") == 1, 60)
        tell(running, HOLD.format(False))  # while the queue is filled
        for first in range(0, waiting, CHUNK):
            tell(running, FILL.format(first=first, count=min(CHUNK, waiting - first)))
        tell(running, HOLD.format(True))
        yield running


def tell(running: Product, code: str) -> None:
    """Run this in the product's shell."""
    done = running.run("shell", "--no-imports", "-c", code)
    if done.returncode:
        raise SystemExit(done.stderr)


def send(running: Product, calling: str, files: list[Path]) -> None:
    """Send and wait for the answers."""
    sender = Sender(Peer("GANTRY", "127.0.0.1", running.dicom_port, calling), files)
    sender.start().join(PATIENCE_SECONDS)


def measure(running: Product, files: list[Path]) -> float:
    """Seconds from the last acknowledgement until the destination has taken the last of a new study."""
    study = generate_uid()
    for path in files:
        ds = dcmread(path)
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        ds.StudyInstanceUID = ds.SeriesInstanceUID = study
        ds.save_as(path, enforce_file_format=True)
    before = running.count(LEFT)
    send(running, "ER", files)
    began = time.monotonic()
    while running.count(LEFT) != before + len(files):
        if time.monotonic() > began + PATIENCE_SECONDS:
            raise SystemExit("the urgent study did not leave")
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


def main() -> None:
    """Parse the options, measure, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    table = Table(title=f"A STAT study of {INSTANCES} instances (bar: {BAR_SECONDS:.0f} s)")
    for heading in ("waiting for the destination", "median s", "longest s"):
        table.add_column(heading, justify="right")
    for waiting in (0, options.waiting):
        with tempfile.TemporaryDirectory(prefix="gantry-bench-") as folder:
            template, *files = write_instances(Path(folder) / "files", INSTANCES + 1, pixels=256)
            with gateway(waiting, template, Path(folder)) as running:
                found = []
                for _ in range(options.repeat):
                    found.append(measure(running, files))
                    time.sleep(1)
                left = running.count("SELECT count(*) FROM routing_delivery WHERE state = 'pending'")
        table.add_row(f"{waiting:,} ({left:,} at the end)", f"{statistics.median(found):.2f}", f"{max(found):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
