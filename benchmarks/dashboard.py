"""What the dashboard costs: the page and the counting behind it, on SQLite and PostgreSQL.

Run ``python -m benchmarks.dashboard``. Rows are inserted in bulk into a database that ends with the run, spread over
the last year; then they are counted, and the page is asked for. Each database has a process of its own, since settings
are read once in a process.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.inside import run_inside

DATABASES = ("sqlite", "postgresql")
CHUNK = 5000
YEAR = timedelta(days=365)
MODALITIES = ("CT", "MR", "US", "DX", "XA", "SR")
WAITING = 2000


def seed(studies: int, per_study: int) -> None:
    """Insert studies with a series each, and for each instance a delivery that was done, but for the last few."""
    from django.db import transaction
    from django.utils import timezone

    from routing.models import Delivery, Destination, Rule
    from routing.rules import save_rule
    from studies.models import Instance, Series, Study
    from studies.statements import insert_rows

    now = timezone.now()
    for name in ("Archive", "Teaching", "AI"):
        Destination.objects.create(name=name, ae_title=name.upper(), host="127.0.0.1")
    save_rule(Rule(name="all"), destinations=list(Destination.objects.all()), ai_pools=[])
    for first in range(0, studies, CHUNK):
        numbers = range(first, min(first + CHUNK, studies))
        with transaction.atomic():
            insert_rows(Study, (_study(number, now - YEAR * (1 - number / studies)) for number in numbers))
            insert_rows(Series, (_series(number, now - YEAR * (1 - number / studies)) for number in numbers))
            rows = list(_instances(numbers, studies, per_study, now))
            insert_rows(Instance, (instance for instance, _ in rows))
            insert_rows(Delivery, (delivery for _, delivery in rows))


def _study(number: int, at: datetime) -> dict[str, Any]:
    return {
        "study_instance_uid": f"2.25.1.{number}",
        "patient_id": f"PAT{number % 200_000:06d}",
        "patient_name": f"Example^Person{number % 200_000}",
        "study_date": at.strftime("%Y%m%d"),
        "modalities_in_study": f"\\{MODALITIES[number % 6]}\\",
        "number_of_study_related_instances": 200,
        "size_bytes": 200 * 526_000,
        "tier": "cold" if number % 5 == 0 else "hot",
        "received_at": at,
        "last_received_at": at,
        "completed_at": at,
        "decided_at": at,
    }


def _series(number: int, at: datetime) -> dict[str, Any]:
    uid, modality = f"2.25.2.{number}", MODALITIES[number % 6]
    times = dict.fromkeys(("last_received_at", "completed_at", "decided_at"), at)
    return {"study_id": number + 1, "series_instance_uid": uid, "modality": modality} | times


def _instances(
    numbers: range, studies: int, per_study: int, now: datetime
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for number in numbers:
        for each in range(per_study):
            pk = number * per_study + each + 1
            at = now - YEAR * (1 - pk / (studies * per_study))
            yield _instance(pk, number, at), _delivery(pk, at, is_done=pk <= studies * per_study - WAITING)


def _instance(pk: int, number: int, at: datetime) -> dict[str, Any]:
    return {
        "series_id": number + 1,
        "sop_instance_uid": f"2.25.3.{pk}",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.2",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "location": f"aa/bb/{pk:026d}.dcm",
        "size_bytes": 526_000,
        "data_set_offset": 400,
        "sha256": f"{pk:064x}",
        "received_at": at,
        "indexed_at": at + timedelta(milliseconds=100 + pk % 900),
        "planned_at": at,
    }


def _delivery(pk: int, at: datetime, *, is_done: bool) -> dict[str, Any]:
    done = {"state": "delivered", "delivered_at": at + timedelta(seconds=1 + pk % 30), "sent_bytes": 526_000}
    times = dict.fromkeys(("created_at", "queued_at", "next_attempt_at"), at)
    return {"instance_id": pk, "destination_id": pk % 3 + 1, "rule_version_id": 1} | times | (done if is_done else {})


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """In a process whose environment names home and database: make the tables, fill them, count, and ask."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    from gateway.accounts.models import Role, User
    from gateway.analytics.units import RANGES

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    seed(options.studies, options.instances)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # as autovacuum does within a minute
    found = [*_counting(options)]
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create(username="benchmark", role=Role.ADMINISTRATOR))
    found += [_timed(f"the page, {key}", partial(client.get, "/", {"range": key}), options.repeat) for key in RANGES]
    live = {"HX-Target": "live"}
    found.append(_timed("its live part, 24h", lambda: client.get("/", headers=live), options.repeat))
    return found


def _counting(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    from django.utils import timezone

    from gateway.analytics.models import Stock, Tally
    from gateway.analytics.roll_up import roll_up, tidy

    began = time.perf_counter()
    while roll_up(timezone.now()):
        pass
    took = time.perf_counter() - began
    rows = Tally.objects.count()
    yield {"what": f"all that was there ({rows:,} rows of counts)", "median": took, "most": took}
    yield {"what": "of it, the sums of what is stored", "median": Stock.objects.all()[0].seconds, "most": 0.0}
    yield _timed("a turn with nothing new", lambda: roll_up(timezone.now()), options.repeat)
    yield _timed("the hourly look for what came late", lambda: tidy(timezone.now()), options.repeat)


def _timed(what: str, call: Callable[[], Any], repeat: int) -> dict[str, Any]:
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        answer = call()
        times.append(time.perf_counter() - began)
        if getattr(answer, "status_code", 200) != 200:
            raise RuntimeError(f"{what}: {answer.status_code}")
    return {"what": what, "median": statistics.median(times), "most": max(times)}


def main() -> None:
    """Parse the options, measure each database, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1_000_000)
    parser.add_argument("--instances", type=int, default=1, help="of each study")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--folder", help="where databases are made; the system's temporary folder by default")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measure(options)))
        return
    table = Table(
        title=f"{options.studies:,} studies, {options.studies * options.instances:,} instances and deliveries"
    )
    for heading in ("database", "what", "milliseconds, median", "most"):
        table.add_column(heading, justify="left" if heading in {"database", "what"} else "right")
    for database in options.database or DATABASES:
        for row in run_inside("dashboard", database, options.folder):
            table.add_row(database, row["what"], f"{row['median'] * 1000:,.0f}", f"{row['most'] * 1000:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
