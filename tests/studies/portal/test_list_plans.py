"""What the study list costs does not grow with the table: an index gives the rows of a filter in the list's order."""

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.http import QueryDict

from gateway.portal.forms import StudyListForm
from studies.choices import Choices, _sql
from studies.models import Study
from studies.portal.forms import ordering_of

# The plans of SQLite, which say what is read and what is sorted; PostgreSQL has the same indexes, and reads a table of
# a few rows as a whole whatever they are.
pytestmark = [pytest.mark.embedded, pytest.mark.django_db]


def listed(query: str) -> QuerySet[Study]:
    _, fields = ordering_of("")
    return StudyListForm(QueryDict(query), choices=Choices()).studies().order_by(*fields)[:50]


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "study_newest_first"),
        ("sender=CT_ROOM1", "study_by_sender"),
        ("tier=cold", "study_by_tier_newest"),
        ("received=7d", "study_newest_first"),
        ("received_from=2026-01-01&received_to=2026-02-01", "study_newest_first"),
        ("sender=CT_ROOM1&received=7d", "study_by_sender"),
    ],
)
def test_rows_come_in_the_order_of_an_index(query: str, index: str) -> None:
    plan = listed(query).explain()

    assert index in plan
    assert "TEMP B-TREE" not in plan  # nothing is sorted


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("label=teaching", "study_label_by_label"),
        ("completeness=incoming", "study_incomplete"),
        ("deliveries=failed", "delivery_by_state"),
        ("deliveries=waiting", "delivery_by_state"),
    ],
)
def test_few_rows_are_asked_for_from_their_own_side(query: str, first: str) -> None:
    plan = listed(query).explain()

    assert first in plan
    assert "SCAN studies_study USING INDEX study_newest_first" not in plan


def test_choices_leap_through_indexes() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {_sql()[0]}")
        plan = "\n".join(row[3] for row in cursor.fetchall())

    for index in ("study_by_sender", "series_by_modality", "study_label_by_label"):
        assert f"SEARCH studies_{index.split('_by_')[0].replace('_', '')} USING COVERING INDEX {index}" in plan
