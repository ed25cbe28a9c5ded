"""Stored studies as rules judge them: from the index's columns when they hold all that is asked, else from headers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Min

from dicomnet.part10 import NotPart10
from routing.conditions import Facts
from routing.decide import MATCHED_RULES
from routing.facts import IN_THE_ROW, RECEIPT, counts_of, facts_of_instance, facts_of_receipt
from studies.attributes import Level, of_level
from studies.errors import MalformedDataSet
from studies.models import Instance, Series, Study

_STUDY = {attribute.keyword: attribute.field for attribute in of_level(Level.STUDY)} | {
    "StudyInstancesReceived": "number_of_study_related_instances"
}
_SERIES = {attribute.keyword: attribute.field for attribute in of_level(Level.SERIES)} | {
    "SeriesInstancesReceived": "number_of_series_related_instances"
}
_INSTANCE = {attribute.keyword: attribute.field for attribute in of_level(Level.IMAGE)} | IN_THE_ROW


@dataclass(frozen=True)
class Unit:
    """Instances of one series that are alike in all that is asked.

    Attributes:
        count: how many they are.
    """

    series_pk: int
    facts: Facts
    count: int


@dataclass
class History:
    """One slice of studies: their units by the study's key, and how many files could not be read."""

    studies: dict[int, list[Unit]] = field(default_factory=dict)
    unreadable: int = 0


def index_holds(attributes: Iterable[str]) -> bool:
    """Whether the index's columns have all of these attributes, so that no file need be read."""
    return set(attributes) <= {*_STUDY, *_SERIES, *_INSTANCE, *RECEIPT, MATCHED_RULES}


def read_history(pks: Sequence[int], attributes: set[str]) -> History:
    """These studies' units, in their order; a study without one that can be read has an empty list."""
    asked = attributes - {MATCHED_RULES}
    return _from_columns(pks, asked) if index_holds(asked) else _from_headers(pks, asked)


def _from_columns(pks: Sequence[int], asked: set[str]) -> History:
    history = History({pk: [] for pk in pks})
    of_study, of_series = _columns(_STUDY, asked), _columns(_SERIES, asked)
    studies = {row["pk"]: row for row in Study.objects.filter(pk__in=pks).values("pk", *of_study.values())}
    groups = _groups(pks, asked)
    rows = Series.objects.filter(study__in=pks).order_by("pk")
    for series in rows.values("pk", "study_id", "number_of_series_related_instances", *of_series.values()):
        shared = _facts(of_study, studies[series["study_id"]]) | _facts(of_series, series)
        alike = groups[series["pk"]] if groups is not None else [({}, series["number_of_series_related_instances"])]
        history.studies[series["study_id"]] += [Unit(series["pk"], shared | facts, count) for facts, count in alike]
    return history


def _groups(pks: Sequence[int], asked: set[str]) -> dict[int, list[tuple[dict[str, list[str]], int]]] | None:
    """By series, what its instances say and how many say the same; None when nothing of theirs is asked."""
    columns = _columns(_INSTANCE, asked)
    if not columns and not asked & RECEIPT:
        return None
    found: dict[int, list[tuple[dict[str, list[str]], int]]] = defaultdict(list)
    rows = Instance.objects.filter(series__study__in=pks).order_by().values("series_id", *columns.values())
    for row in rows.annotate(count=Count("pk"), first=Min("received_at")):
        facts = _facts(columns, row) | facts_of_receipt(row["first"])
        found[row["series_id"]].append((facts, row["count"]))
    return found


def _from_headers(pks: Sequence[int], asked: set[str]) -> History:
    """One instance of each series is read, and stands for all of it."""
    history = History({pk: [] for pk in pks})
    firsts = Instance.objects.filter(series__study__in=pks).order_by().values("series").annotate(first=Min("pk"))
    instances = Instance.objects.filter(pk__in=firsts.values("first")).select_related("series").order_by("series")
    counts = counts_of([instance.series_id for instance in instances], asked)
    for instance in instances:
        series = instance.series
        try:
            facts = facts_of_instance(instance, asked, counts.get(series.pk))
        except (OSError, NotPart10, MalformedDataSet):
            history.unreadable += 1
            continue
        history.studies[series.study_id].append(Unit(series.pk, facts, series.number_of_series_related_instances))
    return history


def _columns(table: Mapping[str, str], asked: set[str]) -> dict[str, str]:
    return {name: column for name, column in table.items() if name in asked}


def _facts(columns: Mapping[str, str], row: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: _values(row[column]) for name, column in columns.items()}


def _values(value: Any) -> list[str]:
    # As in the data set: several values stand between backslashes.
    return [] if value is None or value == "" else str(value).split("\\")
