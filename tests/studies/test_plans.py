"""Lists do not cost more in a larger archive: an index gives their first page in order, and what belongs to a row."""

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet

from gateway.env import Environment
from routing.models import Delivery
from studies.api.views import Studies
from studies.models import Instance, Series, Study
from studies.portal.forms import ORDERINGS, ordering_of
from studies.selectors import StudyFilters, list_studies

pytestmark = pytest.mark.django_db
PAGE = 50


@pytest.fixture(autouse=True)
def archive(home: Environment) -> None:
    """Enough rows for a planner to have something to choose from, and its statistics of them."""
    call_command("seed", "--studies", "200", "--with-deliveries", verbosity=0)
    with connection.cursor() as cursor:
        for model in (Study, Series, Instance, Delivery):
            cursor.execute(f"ANALYZE {model._meta.db_table}")
        if connection.vendor == "postgresql":
            # A table this small is read whole, unless there is another way; where there is none it is read whole yet.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")


def whole_reads(rows: QuerySet[Any]) -> list[str]:
    """Steps of the plan that read or sort all of a table, however few rows are asked for."""
    if connection.vendor == "postgresql":
        steps = list(_steps(json.loads(rows.explain(format="json"))[0]["Plan"]))
        return [step["Node Type"] for step in steps if step["Node Type"] in {"Seq Scan", "Sort"}]
    lines = rows.explain().splitlines()
    return [line for line in lines if _reads_all(line)]


def _reads_all(line: str) -> bool:
    is_unordered = " SCAN " in line and " USING " not in line
    return is_unordered or line.endswith("USE TEMP B-TREE FOR ORDER BY")


def _steps(plan: dict[str, Any]) -> Any:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _steps(below)


@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("column", ORDERINGS)
def test_first_page_in_every_order(column: str, sign: str) -> None:
    _, fields = ordering_of(f"{sign}{column}")

    assert whole_reads(list_studies(StudyFilters()).order_by(*fields)[:PAGE]) == []


@pytest.mark.parametrize("field", Studies.ordering_fields)
def test_first_page_of_the_api_in_every_order(field: str) -> None:
    assert whole_reads(Study.objects.order_by(field, "pk")[:PAGE]) == []
    assert whole_reads(Study.objects.order_by(f"-{field}", "-pk")[:PAGE]) == []


def test_series_of_a_study() -> None:
    study = Study.objects.latest("pk")

    assert whole_reads(Series.objects.filter(study=study).order_by()) == []
    assert whole_reads(Instance.objects.filter(series__study=study).order_by()) == []
