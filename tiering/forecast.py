"""How long a recall takes: what the last ones took for so many bytes, and what is in front of it."""

from statistics import median

from django.db.models import Sum

from studies.models import Tier
from tiering.models import Location, Move, MoveState
from tiering.models.moves import OPEN

PAST = 50
LEAST_BYTES = 1 << 20  # what is smaller says nothing about speed


def recall_seconds(move: Move) -> float | None:
    """Seconds from now until the study is back; None where no past recall says so, or for other moves."""
    if move.to_tier != Tier.HOT or move.state not in OPEN:
        return None
    rate = bytes_per_second()
    if rate is None:
        return None
    ahead = Move.objects.filter(to_tier=Tier.HOT, state__in=OPEN, pk__lt=move.pk).aggregate(total=Sum("total_bytes"))
    size = move.total_bytes or move.study.size_bytes
    left = max(0, size - move.done_bytes) + (ahead["total"] or 0)
    return left / rate + _latency(move)


def bytes_per_second() -> float | None:
    """The median speed of the last recalls."""
    past = Move.objects.filter(to_tier=Tier.HOT, state=MoveState.DONE, done_bytes__gte=LEAST_BYTES)
    rates = [
        done / max(0.001, (finished - started).total_seconds())  # type: ignore[operator]  # neither is None here
        for done, started, finished in past.exclude(started_at=None)
        .exclude(finished_at=None)
        .order_by("-finished_at")
        .values_list("done_bytes", "started_at", "finished_at")[:PAST]
    ]
    return median(rates) if rates else None


def _latency(move: Move) -> int:
    locations = Location.objects.filter(packs__study=move.study)
    return min(locations.values_list("expected_latency_seconds", flat=True), default=0)
