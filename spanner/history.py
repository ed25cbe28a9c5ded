"""How a source does now, and how it did: for the API and pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Max, QuerySet, Sum
from django.db.models.functions import TruncHour
from django.utils import timezone

from spanner import breaker
from spanner.models import Source, SourceMinute

MINUTES, HOURS = 60, 7 * 24  # that are shown
_SUMS = ("asked", "cached", "failed", "timed_out", "not_asked", "matches", "milliseconds")


@dataclass(frozen=True)
class Period:
    """All questions to a source within a minute or an hour.

    Attributes:
        begins_at: of the period; periods without a question are left out.
        mean_milliseconds: None where it was not asked.
    """

    begins_at: datetime
    asked: int
    cached: int
    failed: int
    timed_out: int
    not_asked: int
    matches: int
    mean_milliseconds: float | None
    slowest_milliseconds: int


def state_of(source: Source) -> str:
    """``off``, ``open`` (it is left alone), ``failing``, ``ok``, or ``unknown`` when it has never answered."""
    if not source.is_enabled:
        return "off"
    if breaker.is_open(source, timezone.now()):
        return "open"
    if source.failures_in_a_row:
        return "failing"
    return "ok" if source.last_success_at else "unknown"


def minutes_of(source: Source) -> list[Period]:
    """The last hour by minutes, the latest first."""
    rows = _since(source, timedelta(minutes=MINUTES)).values("minute", "slowest_milliseconds", *_SUMS)
    return [_period(row["minute"], row["slowest_milliseconds"], row) for row in rows.order_by("-minute")]


def hours_of(source: Source) -> list[Period]:
    """The last week by hours, the latest first."""
    sums = {f"sum_{name}": Sum(F(name)) for name in _SUMS}
    rows: Iterable[Any] = (
        _since(source, timedelta(hours=HOURS))
        .annotate(hour=TruncHour("minute"))
        .order_by()
        .values("hour")
        .annotate(slowest=Max("slowest_milliseconds"), **sums)
        .order_by("-hour")
    )
    return [_period(row["hour"], row["slowest"], {name: row[f"sum_{name}"] for name in _SUMS}) for row in rows]


def _since(source: Source, span: timedelta) -> "QuerySet[SourceMinute]":
    return SourceMinute.objects.filter(source=source, minute__gt=timezone.now() - span)


def _period(begins_at: datetime, slowest: int, row: dict[str, Any]) -> Period:
    asked = row["asked"]
    return Period(
        begins_at=begins_at,
        asked=asked,
        cached=row["cached"],
        failed=row["failed"],
        timed_out=row["timed_out"],
        not_asked=row["not_asked"],
        matches=row["matches"],
        mean_milliseconds=round(row["milliseconds"] / asked, 1) if asked else None,
        slowest_milliseconds=slowest,
    )
