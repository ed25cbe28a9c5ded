"""Stored studies as rules judge them: from the index's columns when they hold all that is asked, else from headers."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db.models import Count, Min
from django.utils import timezone

from dicomnet.part10 import NotPart10
from routing.conditions import Facts
from routing.explain import MATCHED_RULES
from routing.facts import facts_of_file
from studies.attributes import Level, of_level
from studies.errors import MalformedDataSet
from studies.models import Instance, Series, Study
from studies.storage import hot_storage

_STUDY = {attribute.keyword: attribute.field for attribute in of_level(Level.STUDY)} | {
    "StudyInstancesReceived": "number_of_study_related_instances"
}
_SERIES = {attribute.keyword: attribute.field for attribute in of_level(Level.SERIES)} | {
    "SeriesInstancesReceived": "number_of_series_related_instances"
}
_INSTANCE = {attribute.keyword: attribute.field for attribute in of_level(Level.IMAGE)} | {
    "CallingAETitle": "calling_ae_title",
    "CalledAETitle": "called_ae_title",
    "SourceAddress": "source_address",
    "TransferSyntaxUID": "transfer_syntax_uid",
}
# Of the first instance of those that are alike: each has a moment of its own.
_RECEIPT = {"ReceivedTime": "%H%M%S", "ReceivedWeekday": "%A"}
# What no file tells, so that it comes from the index whatever else is read.
_NOT_IN_FILES = frozenset({"StudyInstancesReceived", "SeriesInstancesReceived", *_RECEIPT})


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
    return set(attributes) <= {*_STUDY, *_SERIES, *_INSTANCE, *_RECEIPT, MATCHED_RULES}


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
    formats = {name: form for name, form in _RECEIPT.items() if name in asked}
    if not columns and not formats:
        return None
    found: dict[int, list[tuple[dict[str, list[str]], int]]] = defaultdict(list)
    rows = Instance.objects.filter(series__study__in=pks).order_by().values("series_id", *columns.values())
    for row in rows.annotate(count=Count("pk"), first=Min("received_at")):
        facts = _facts(columns, row) | _receipt(formats, row["first"])
        found[row["series_id"]].append((facts, row["count"]))
    return found


def _from_headers(pks: Sequence[int], asked: set[str]) -> History:
    """One instance of each series is read, and stands for all of it."""
    history = History({pk: [] for pk in pks})
    firsts = Instance.objects.filter(series__study__in=pks).order_by().values("series").annotate(first=Min("pk"))
    instances = Instance.objects.filter(pk__in=firsts.values("first")).select_related("series__study")
    for instance in instances.order_by("series"):
        series = instance.series
        try:
            path = Path(hot_storage().path(instance.location))
            facts = {**facts_of_file(path, asked - _NOT_IN_FILES), **_from_index(instance, asked)}
        except (OSError, NotPart10, MalformedDataSet):
            history.unreadable += 1
            continue
        history.studies[series.study_id].append(Unit(series.pk, facts, series.number_of_series_related_instances))
    return history


def _from_index(instance: Instance, asked: set[str]) -> dict[str, list[str]]:
    names = asked & _NOT_IN_FILES
    counts = {name: getattr(instance.series.study, _STUDY[name]) for name in names & _STUDY.keys()}
    counts |= {name: getattr(instance.series, _SERIES[name]) for name in names & _SERIES.keys()}
    formats = {name: form for name, form in _RECEIPT.items() if name in names}
    return {name: [str(count)] for name, count in counts.items()} | _receipt(formats, instance.received_at)


def _columns(table: Mapping[str, str], asked: set[str]) -> dict[str, str]:
    return {name: column for name, column in table.items() if name in asked}


def _facts(columns: Mapping[str, str], row: Mapping[str, Any]) -> dict[str, list[str]]:
    return {name: _values(row[column]) for name, column in columns.items()}


def _values(value: Any) -> list[str]:
    # As in the data set: several values stand between backslashes.
    return [] if value is None or value == "" else str(value).split("\\")


def _receipt(formats: Mapping[str, str], at: datetime) -> dict[str, list[str]]:
    return {name: [timezone.localtime(at).strftime(form)] for name, form in formats.items()}
