"""What the ledger costs: milliseconds of database time per instance to claim and to finish, and to see what is urgent.

Run ``python -m benchmarks.ledger``. So many deliveries of several sources wait for one destination; they are claimed
and finished batch by batch, as a lane does it, while nobody sends. Each database has a process of its own, since
settings are read once in a process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.table import Table

from benchmarks.database import durable_postgresql

DATABASES = ("sqlite", "postgresql")
SOURCES = 8
MOST_OF_ONE_SOURCE = 0.9  # of all that waits: the modality that holds nobody up
BAR_MILLISECONDS = 0.3
Found = TypeVar("Found")


class Clock:
    """Sums the time that what is called through it spends in the database; Python's own is another matter."""

    def __init__(self) -> None:
        self.milliseconds: list[float] = []

    def time(self, call: Callable[[], Found]) -> Found:
        """Call, and count how long its statements take, commits included."""
        from django.db import connection

        self.milliseconds.append(0.0)
        with connection.execute_wrapper(self._execute):
            return call()

    def _execute(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self.milliseconds[-1] += (time.perf_counter() - began) * 1000


def fill(count: int) -> int:
    """A destination for which so many deliveries wait; returns its primary key."""
    from django.utils import timezone

    from routing.models import Delivery, Destination, Rule
    from routing.rules import save_rule
    from studies.models import Instance, Series, Study
    from studies.statements import insert_rows

    now = timezone.now()
    destination = Destination.objects.create(name="Archive", ae_title="ARCHIVE", host="127.0.0.1", port=11119)
    rule = Rule(name="everything")
    save_rule(rule, destinations=[destination])
    study = Study.objects.create(study_instance_uid="2.25.1", received_at=now, last_received_at=now)
    series = Series.objects.create(study=study, series_instance_uid="2.25.2")
    insert_rows(
        Instance,
        (
            {
                "series_id": series.pk,
                "sop_instance_uid": f"2.25.3.{number}",
                "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
                "transfer_syntax_uid": "1.2.840.10008.1.2.1",
                "location": f"{number}.dcm",
                "size_bytes": 526_000,
                "data_set_offset": 400,
                "sha256": f"{number:064x}",
                "received_at": now,
                "indexed_at": now,
                "planned_at": now,
            }
            for number in range(count)
        ),
    )
    version = rule.versions.get()
    large = round(count * MOST_OF_ONE_SOURCE)
    insert_rows(
        Delivery,
        (
            {
                "instance_id": pk,
                "destination_id": destination.pk,
                "rule_version_id": version.pk,
                "calling_ae_title": "CT" if number < large else f"SOURCE{number % (SOURCES - 1)}",
                "priority": 3,
                "next_attempt_at": now,
                "queued_at": now,
                "created_at": now,
            }
            for number, pk in enumerate(Instance.objects.order_by("pk").values_list("pk", flat=True).iterator())
        ),
    )
    return destination.pk


def measure(waiting: int, taken: int, batch: int) -> dict[str, float]:
    """In a process whose environment names home and database: fill, then claim and finish."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from routing.claim import Turns, claim, is_more_urgent_due
    from routing.models import Destination
    from routing.queue import Receipt, finish_delivered

    call_command("migrate", verbosity=0)
    destination = Destination.objects.get(pk=fill(waiting))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    claiming, finishing, looking, turns = Clock(), Clock(), Clock(), Turns()
    for number in range(taken // batch):
        token = f"t{number}"
        held = claiming.time(lambda token=token: claim(destination, token=token, limit=batch, turns=turns))  # type: ignore[misc]
        looking.time(lambda: is_more_urgent_due(destination, than=3))
        # Compressed instances are all of different sizes.
        receipts = {delivery.pk: Receipt(0, 500_000 + delivery.pk % 1000) for delivery in held}
        finishing.time(lambda token=token, receipts=receipts: finish_delivered(token, receipts))  # type: ignore[misc]
    return {
        "claim": statistics.fmean(claiming.milliseconds) / batch,
        "finish": statistics.fmean(finishing.milliseconds) / batch,
        "urgent": statistics.median(looking.milliseconds),
        "slowest claim": max(claiming.milliseconds),
    }


def in_a_process(database: str, options: argparse.Namespace) -> dict[str, float]:
    """Measure on one database, with a home of its own."""
    with tempfile.TemporaryDirectory(prefix="gantry-ledger-") as folder:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GANTRY_", "DATABASE_URL"))},
            "DJANGO_SETTINGS_MODULE": "gateway.settings.base",
            "GANTRY_HOME": str(Path(folder) / "home"),
        }
        command = [sys.executable, "-m", "benchmarks.ledger", "--measure", *_arguments(options)]
        if database == "sqlite":
            return _run(command, environment)
        with durable_postgresql() as server:
            return _run(command, environment | {"DATABASE_URL": server.address})


def _arguments(options: argparse.Namespace) -> list[str]:
    return [f"--waiting={options.waiting}", f"--taken={options.taken}", f"--batch={options.batch}"]


def _run(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure on both databases and print a table; exit status 1 when one is over its bar."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=100_000)
    parser.add_argument("--taken", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=50)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.waiting, options.taken, options.batch)))
        return
    table = Table("Database", "Claim ms", "Finish ms", "Both ms", "Urgent? ms a look", "Slowest claim ms a batch")
    is_over = False
    for database in DATABASES:
        found = in_a_process(database, options)
        both = found["claim"] + found["finish"]
        is_over = is_over or both > BAR_MILLISECONDS
        figures = (found["claim"], found["finish"], both, found["urgent"], found["slowest claim"])
        table.add_row(database, *(f"{figure:.3f}" for figure in figures))
    Console().print(table)
    print(f"Per instance, batches of {options.batch}, {options.waiting:,} waiting. The bar: {BAR_MILLISECONDS} ms.")
    sys.exit(int(is_over))


if __name__ == "__main__":
    main()
