"""What a back-test costs: seconds, and those of CPU, for one draft over 50,000 studies, on SQLite and PostgreSQL.

Run ``python -m benchmarks.back_test``. Rows of studies, series and instances are inserted in bulk into a database that
ends with the run; no file is written, so what is measured is a draft whose attributes are all in the index. Turns
follow each other without a broker between them. Each database has a process of its own, since settings are read once in
a process.
"""

import argparse
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.inside import run_inside

DATABASES = ("sqlite", "postgresql")
SERIES_OF_A_STUDY = 2
CHUNK = 5000
MODALITIES = ("CT", "MR", "CR", "US", "MG")
BODY_PARTS = ("HEAD", "CHEST", "ABDOMEN", "KNEE", "SPINE", "BREAST", "NECK")


def compare(attribute: str, operator: str, value: Any) -> dict[str, Any]:
    """One condition."""
    return {"attribute": attribute, "operator": operator, "value": value}


LIVE = [compare("Modality", "in", ["CT", "MR"])]
DRAFTS = {
    "series columns": [*LIVE, {"none": [compare("BodyPartExamined", "equals", "KNEE")]}],
    "series and instance columns": [
        *LIVE,
        compare("CallingAETitle", "matches", "CT_*"),
        {"any": [compare("StudyDescription", "contains", "thorax"), compare("PatientSex", "equals", "F")]},
        {"none": [compare("BodyPartExamined", "equals", "KNEE"), compare("SOPClassUID", "equals", "1.2.3")]},
    ],
}


def seed(studies: int, instances_of_a_series: int) -> None:
    """Insert so many studies, the same every time."""
    from django.utils import timezone

    now = timezone.now()
    for first in range(0, studies, CHUNK):
        _insert(range(first, min(first + CHUNK, studies)), instances_of_a_series, now)


def _insert(numbers: range, instances_of_a_series: int, now: Any) -> None:
    from studies.models import Instance, Series, Study

    studies = Study.objects.bulk_create(
        [
            Study(
                study_instance_uid=f"2.25.1.{number}",
                patient_id=f"PAT{number % 20_000:06d}",
                patient_name=f"Example^Person{number % 20_000}",
                patient_sex="FM"[number % 2],
                study_date="20261101",
                study_description=("CT Thorax", "MR Knee", "Follow-up")[number % 3],
                received_at=now - timedelta(minutes=number % 40_000),
                last_received_at=now,
                number_of_study_related_instances=SERIES_OF_A_STUDY * instances_of_a_series,
            )
            for number in numbers
        ],
        batch_size=500,
    )
    series = Series.objects.bulk_create(
        [
            Series(
                study=study,
                series_instance_uid=f"{study.study_instance_uid}.{index}",
                modality=MODALITIES[(study.pk + index) % len(MODALITIES)],
                body_part_examined=BODY_PARTS[study.pk % len(BODY_PARTS)],
                number_of_series_related_instances=instances_of_a_series,
            )
            for study in studies
            for index in range(SERIES_OF_A_STUDY)
        ],
        batch_size=500,
    )
    Instance.objects.bulk_create(_instances(series, instances_of_a_series, now), batch_size=500)


def _instances(series: list[Any], count: int, now: Any) -> Iterator[Any]:
    from studies.models import Instance

    for each in series:
        for index in range(count):
            uid = f"{each.series_instance_uid}.{index}"
            yield Instance(
                series=each,
                sop_instance_uid=uid,
                sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                location=f"{uid}.dcm",
                size_bytes=526_000,
                data_set_offset=400,
                sha256=f"{each.pk:032x}{index:032x}",
                calling_ae_title=f"CT_ROOM{each.pk % 9}",
                called_ae_title="GANTRY",
                source_address="10.1.2.3",
                received_at=now,
            )


def measure(options: argparse.Namespace) -> list[dict[str, Any]]:
    """In a process whose environment names home and database: make the tables, fill them, and test each draft."""
    import django

    django.setup()
    from django.core.management import call_command

    from routing.backtest import run
    from routing.backtest.models import BackTest
    from routing.models import Rule
    from routing.rules import definition_of, save_rule

    call_command("migrate", verbosity=0)
    seed(options.studies, options.instances)
    rule = Rule(name="live", conditions=LIVE)
    save_rule(rule, destinations=[])
    found = []
    for name, conditions in DRAFTS.items():
        definition = definition_of(Rule(name="draft", conditions=conditions), [], [])
        back_test = run.start_back_test(definition, rule=rule, days=30, author=None)
        began, cpu, turns = time.perf_counter(), time.process_time(), 1
        while run.take_turn(back_test.pk):
            turns += 1
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        back_test = BackTest.objects.get(pk=back_test.pk)
        if back_test.judged != options.studies:
            raise SystemExit(f"{back_test.judged} of {options.studies} studies were judged")
        sums = {"matched": back_test.matched, "differing": back_test.differing}
        found.append({"draft": name, "seconds": seconds, "cpu": cpu, "turns": turns} | sums)
    return found


def main() -> None:
    """Parse the options, measure each database, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=50_000)
    parser.add_argument("--instances", type=int, default=10, help="of each series")
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--folder", help="where databases are made; the system's temporary folder by default")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        print(json.dumps(measure(options)))
        return
    table = Table(title=f"Back-test over {options.studies} studies, {options.instances} instances in each series")
    for heading in ("database", "draft asks", "seconds", "CPU", "turns", "matched", "differing"):
        table.add_column(heading, justify="left" if heading in {"database", "draft asks"} else "right")
    for database in options.database or DATABASES:
        for row in run_inside("back_test", database, options.folder):
            times = (f"{row['seconds']:.1f}", f"{row['cpu']:.1f}")
            counts = (str(row[name]) for name in ("turns", "matched", "differing"))
            table.add_row(database, row["draft"], *times, *counts)
    Console().print(table)


if __name__ == "__main__":
    main()
