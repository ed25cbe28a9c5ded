"""Sources and federations as lists show them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Prefetch, QuerySet, Sum
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
        unanswered: those that failed or were not answered in time.
        mean_milliseconds: None where it was not asked.
    """

    source: Source
    state: str
    asked: int
    unanswered: int
    mean_milliseconds: float | None


def sources_with_lately() -> Sequence[Lately]:
    """All sources by name."""
    since = timezone.now() - LATELY
    sums = {
        row["source"]: row
        for row in SourceMinute.objects.filter(minute__gt=since)
        .order_by()
        .values("source")
        .annotate(count=Sum("asked"), lost=Sum("failed") + Sum("timed_out"), took=Sum("milliseconds"))
    }
    found = []
    for source in Source.objects.all():
        row = sums.get(source.pk, {"count": 0, "lost": 0, "took": 0})
        mean = row["took"] / row["count"] if row["count"] else None
        found.append(Lately(source, state_of(source), row["count"], row["lost"], mean))
    return found


def federations() -> "QuerySet[SpanningConfig]":
    """All federations with their sources in line."""
    members = ConfigSource.objects.select_related("source").order_by("priority", "source__name")
    return SpanningConfig.objects.prefetch_related(Prefetch("members", queryset=members))


def silent_sources() -> int:
    """Sources that are to be asked and do not answer."""
    return Source.objects.filter(is_enabled=True, open_until__isnull=False).count()
