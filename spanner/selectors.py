"""Sources and federations as lists show them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from django.db.models import Max, Prefetch, QuerySet, Sum
from django.utils import timezone

from spanner.history import state_of
from spanner.models import ConfigSource, Source, SourceMinute, SpanningConfig

LATELY = timedelta(hours=1)


@dataclass(frozen=True)
class Lately:
    """A source, and how it did within the last hour.

    Attributes:
        state: as spanner.history.state_of.
        asked: questions that it was put.
        not_asked: those that it was not put because it was left alone.
        mean_milliseconds: None where it was not asked.
    """

    source: Source
    state: str
    asked: int = 0
    failed: int = 0
    timed_out: int = 0
    not_asked: int = 0
    mean_milliseconds: float | None = None
    slowest_milliseconds: int | None = None

    @property
    def unanswered(self) -> int:
        """Questions that failed or were not answered in time."""
        return self.failed + self.timed_out


def lately(sources: Iterable[Source]) -> list[Lately]:
    """How these did, in their order."""
    sources = list(sources)
    counts = ("asked", "failed", "timed_out", "not_asked")
    rows = SourceMinute.objects.filter(source__in=sources, minute__gt=timezone.now() - LATELY).order_by()
    sums: dict[int, Any] = {
        row["source"]: row
        for row in rows.values("source").annotate(
            **{f"sum_{name}": Sum(name) for name in (*counts, "milliseconds")}, slowest=Max("slowest_milliseconds")
        )
    }
    return [_lately(source, sums.get(source.pk), counts) for source in sources]


def _lately(source: Source, sums: Any, counts: Iterable[str]) -> Lately:
    found = Lately(source, state_of(source))
    if sums is None:
        return found
    found = replace(found, **{name: sums[f"sum_{name}"] for name in counts})
    if not found.asked:
        return found
    mean = sums["sum_milliseconds"] / found.asked
    return replace(found, mean_milliseconds=mean, slowest_milliseconds=sums["slowest"])


def federations() -> "QuerySet[SpanningConfig]":
    """All federations with their sources in line."""
    members = ConfigSource.objects.select_related("source").order_by("priority", "source__name")
    return SpanningConfig.objects.prefetch_related(Prefetch("members", queryset=members))


def silent_sources() -> QuerySet[Source]:
    """Sources that are to be asked and do not answer."""
    return Source.objects.filter(is_enabled=True, open_until__isnull=False)
