"""What a policy's decision costs: its simulation over 100,000 studies, on SQLite and PostgreSQL.

Run ``python -m benchmarks.policies``. Rows of studies, and labels of some, are inserted in bulk into a database that
ends with the run; a part of the studies has moved before. The sweep for late arrivals is measured beside. Each database
has a process of its own, since settings are read once in a process.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.inside import run_inside

DATABASES = ("sqlite", "postgresql")
CHUNK = 5000
POLICIES: dict[str, dict[str, Any]] = {
    "age": {"older_than_days": 365},
    "age, modality, description, size": {
        "study_older_than_days": 300,
        "not_used_for_days": 90,
        "modalities": ["CT", "MR"],
        "description_contains": "thorax",
        "larger_than_mb": 10,
    },
    "labels": {"labels": ["research"], "not_labels": ["teaching"]},
    "a full disk": {"above_percent": 1, "until_percent": 0},
}


def seed(studies: int) -> None:
    """Insert so many studies, the same every time: four of five hot, the rest moved to the cold tier a month ago."""
    from django.utils import timezone

    now = timezone.now()
    for first in range(0, studies, CHUNK):
        _insert(range(first, min(first + CHUNK, studies)), now)


def _insert(numbers: range, now: Any) -> None:
    from studies.models import Series, Study, StudyLabel, Tier
    from tiering.models import Move, MoveState

    studies = Study.objects.bulk_create([_study(number, now) for number in numbers], batch_size=500)
    Series.objects.bulk_create(
        [Series(study=study, series_instance_uid=f"{study.study_instance_uid}.1", modality="CT") for study in studies],
        batch_size=500,
    )
    labels = [
        StudyLabel(study=study, label=label, given_by="rule")
        for number, study in zip(numbers, studies, strict=True)
        for label, every in (("research", 3), ("teaching", 7), ("Legal Hold", 50))
        if number % every == 0
    ]
    StudyLabel.objects.bulk_create(labels, batch_size=500)
    moved = now - timedelta(days=30)
    moves = [
        Move(
            study=study,
            to_tier=Tier.COLD,
            state=MoveState.DONE,
            requested_by="benchmark",
            started_at=moved,
            switched_at=moved,
            finished_at=moved,
        )
        for study in studies
        if study.tier == Tier.COLD
    ]
    Move.objects.bulk_create(moves, batch_size=500)


def _study(number: int, now: Any) -> Any:
    from studies.models import Study, Tier

    received = now - timedelta(days=31, minutes=number * 11)
    return Study(
        study_instance_uid=f"2.25.1.{number}",
        patient_id=f"PAT{number % 20_000:06d}",
        patient_name=f"Example^Person{number % 20_000}",
        study_date=received.strftime("%Y%m%d"),
        study_description=("CT Thorax", "MR Knee", "Follow-up")[number % 3],
        modalities_in_study=("\\CT\\", "\\MR\\SR\\", "\\US\\")[number % 3],
        calling_ae_title=f"CT_ROOM{number % 9}",
        number_of_study_related_instances=200,
        size_bytes=200 * 526_000,
        tier=Tier.COLD if number % 5 == 0 else Tier.HOT,
        used_at=received if number % 2 else None,
        received_at=received,
        last_received_at=received,
        completed_at=received,
    )


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """In a process whose environment names home and database: make the tables, fill them, and ask each policy."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from tiering.models import Policy
    from tiering.policies import late_arrivals, simulate

    settings.GANTRY.storage.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)
    seed(options.studies)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # as autovacuum does within a minute
    found = []
    for name, conditions in POLICIES.items():
        policy = Policy.objects.create(name=name, conditions=conditions)
        times, result = _timed(lambda policy=policy: simulate(policy), options.repeat)  # type: ignore[misc]
        found.append({"policy": name, "studies": result.number_of_studies} | times)
    times, asked = _timed(late_arrivals, options.repeat)
    found.append({"policy": "(late arrivals)", "studies": asked} | times)
    return found


def _timed(call: Callable[[], Any], repeat: int) -> tuple[dict[str, float], Any]:
    """Median and longest time, and by how much the process has grown since the first call began."""
    memory, times, result = psutil.Process().memory_info().rss, [], None
    for _ in range(repeat):
        began = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - began)
    grown = psutil.Process().memory_info().rss - memory
    return {"median": statistics.median(times), "most": max(times), "grown_mb": grown / 1e6}, result


def main() -> None:
    """Parse the options, measure each database, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--folder", help="where databases are made; the system's temporary folder by default")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measure(options)))
        return
    table = Table(title=f"Simulation of policies over {options.studies} studies")
    for heading in ("database", "policy asks", "studies meant", "seconds, median", "most", "grown by MB"):
        table.add_column(heading, justify="left" if heading in {"database", "policy asks"} else "right")
    for database in options.database or DATABASES:
        for row in run_inside("policies", database, options.folder):
            figures = (f"{row['median']:.2f}", f"{row['most']:.2f}", f"{row['grown_mb']:.0f}")
            table.add_row(database, row["policy"], str(row["studies"]), *figures)
    Console().print(table)


if __name__ == "__main__":
    main()
