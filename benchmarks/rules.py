"""What rules cost: 1,000 of them asked about one instance, and planning per instance: ``python -m benchmarks.rules``.

The first is measured in memory, on facts as a CT header gives them, for three sets of rules: such as people write, all
for another modality, and such that none can be found by a value. The second indexes instances into a database of its
own, SQLite or with ``--database postgresql`` PostgreSQL, and plans them in batches as a worker does.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from benchmarks.index import fill
from tests.servers import postgresql, valkey

RULES, ROUNDS = 1000, 51
FACTS = {
    "Modality": ["CT"],
    "StudyDescription": ["CT Thorax/Abdomen with contrast"],
    "SeriesDescription": ["Thorax 1.0 B70f"],
    "BodyPartExamined": ["CHEST"],
    "CallingAETitle": ["CT_ROOM7"],
    "SliceThickness": ["1.0"],
    "StudyDate": ["20261120"],
    "ReceivedTime": ["103000"],
}


def condition(attribute: str, operator: str, value: Any) -> dict[str, Any]:
    """The JSON of one comparison."""
    return {"attribute": attribute, "operator": operator, "value": value}


def usual(number: int) -> list[dict[str, Any]]:
    """A rule for one room or one modality, with a further wish."""
    first = (
        condition("CallingAETitle", "equals", f"CT_ROOM{number % 40}")
        if number % 2
        else condition("Modality", "in", ["CT", "PT"] if number % 4 else ["MR", "US"])
    )
    words = condition("StudyDescription", "contains", f"protocol {number}")
    return [first, {"any": [words, condition("SeriesDescription", "matches", f"*kernel {number}*")]}]


def unfindable(number: int) -> list[dict[str, Any]]:
    """A rule that has to be asked: it names no value."""
    night = condition("ReceivedTime", "between", ["19:00", "07:00"])
    thin = condition("SliceThickness", "less", 5 + number)
    return [thin, {"none": [condition("StudyDescription", "contains", f"protocol {number}"), night]}]


SETS: dict[str, Callable[[int], list[dict[str, Any]]]] = {
    "as people write them": usual,
    "all of another modality": lambda number: [condition("Modality", "equals", "MR"), *unfindable(number)],
    "none to be found by a value": unfindable,
}


def measure_rules() -> None:
    """Milliseconds for 1,000 rules on one instance, medians."""
    from routing.conditions import parse_conditions
    from routing.decide import RuleBook
    from routing.models import Rule, RuleScope, RuleVersion
    from routing.rules import ActiveRule

    for name, conditions_of in SETS.items():
        rules = [
            ActiveRule(Rule(name=f"Rule {number}"), RuleVersion(), parse_conditions(conditions_of(number)), (), ())
            for number in range(RULES)
        ]
        began = time.process_time()
        book = RuleBook(rules, RuleScope.INSTANCE)
        ready = time.process_time() - began
        times = []
        for _ in range(ROUNDS):
            began = time.process_time()
            outcome = book.decide(FACTS)
            times.append(1000 * (time.process_time() - began))
        matched, median = len(outcome.acting), statistics.median(times)
        print(f"{RULES} rules, {name}: {median:.2f} ms, {matched} match ({1000 * ready:.1f} ms to make ready)")


def measure_planning(count: int, rules: int, repeat: int) -> None:
    """Milliseconds per instance of planning, median of several runs."""
    from django.core.management import call_command

    from routing.models import Delivery, Destination, Rule
    from routing.plan import plan_all
    from routing.rules import save_rule
    from studies.dimse import local_spool
    from studies.index import index_spool
    from studies.models import Instance

    call_command("migrate", verbosity=0)
    spool = local_spool()
    fill(spool.root, "MR", count, 0)
    while index_spool(spool):
        pass
    destinations = [Destination.objects.create(name=f"D{number}", ae_title="PACS") for number in range(2)]
    save_rule(Rule(name="all"), destinations=destinations)
    for number in range(1, rules):
        save_rule(Rule(name=f"Rule {number}", conditions=usual(number)), destinations=destinations)
    times = []
    for _ in range(repeat):
        Delivery.objects.all().delete()
        Instance.objects.update(planned_at=None)
        began = time.perf_counter()
        planned = plan_all()
        times.append(1000 * (time.perf_counter() - began) / count)
        if planned != count or Delivery.objects.count() != 2 * count:
            raise SystemExit(f"{planned} of {count} instances were planned")
    print(f"planning {count} instances by {rules} rules to 2 destinations: {statistics.median(times):.3f} ms each")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000, help="instances that are planned; 0: rules only")
    parser.add_argument("--rules", type=int, default=20, help="rules by which they are planned")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--planning-only", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="gantry-rules-") as home,
        valkey() as broker,
        postgresql() if options.database == "postgresql" else nullcontext() as url,
    ):
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "gateway.settings.base",
            "GANTRY_HOME": home,
            "GANTRY_SPOOL_HIGH_PERCENT": "100",
            "GANTRY_LOG_LEVEL": "WARNING",
            "REDIS_URL": broker,
            **({"DATABASE_URL": url} if url else {}),
        }
        import django

        django.setup()
        if not options.planning_only:
            measure_rules()
        if options.count:
            measure_planning(options.count, options.rules, options.repeat)


if __name__ == "__main__":
    main()
