"""The figures of a range, read from what was counted: one query, some thousand small rows at the most."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q

from gateway.analytics.buckets import quantile
from gateway.analytics.models import Stock, Tally, What
from gateway.analytics.units import LENGTH, Range, Unit, beginning

LATELY_MINUTES = 5
_A_DAY = timedelta(days=1)


@dataclass
class Durations:
    """How long something took, by bucket (``gateway.analytics.buckets``)."""

    counts: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts.values())

    @property
    def p50_seconds(self) -> float | None:
        """The median; None of none."""
        return quantile(self.counts, 0.5)

    @property
    def p95_seconds(self) -> float | None:
        """What nineteen of twenty do not exceed; None of none."""
        return quantile(self.counts, 0.95)


@dataclass
class Bin:
    """One unit of time of a range, or all of it.

    Attributes:
        waiting: the most deliveries that were seen to wait at once.
        waiting_seconds: the longest that the oldest of them was seen to have waited.
    """

    begins_at: datetime
    studies: int = 0
    received: int = 0
    received_bytes: int = 0
    delivered: int = 0
    delivered_bytes: int = 0
    failed: int = 0
    waiting: int = 0
    waiting_seconds: int = 0
    to_index: Durations = field(default_factory=Durations)
    to_delivery: Durations = field(default_factory=Durations)

    def add(self, what: str, key: str, count: int, size_bytes: int) -> None:
        """Count a row of Tally."""
        match what:
            case What.STUDY:
                self.studies += count
            case What.RECEIVED:
                self.received += count
                self.received_bytes += size_bytes
            case What.DELIVERED:
                self.delivered += count
                self.delivered_bytes += size_bytes
            case What.FAILED:
                self.failed += count
            case What.QUEUE_DEPTH:
                self.waiting = max(self.waiting, count)
            case What.QUEUE_SECONDS:
                self.waiting_seconds = max(self.waiting_seconds, count)
            case What.INDEX_SECONDS:
                self.to_index.counts[int(key)] += count
            case What.DELIVERY_SECONDS:
                self.to_delivery.counts[int(key)] += count


@dataclass(frozen=True)
class Share:
    """One modality's part of what came in; the modality is empty for what has none.

    Attributes:
        percent: of the instances.
    """

    modality: str
    instances: int
    size_bytes: int
    percent: float


@dataclass
class Figures:
    """A range.

    Attributes:
        bins: one for each unit, the running one last.
        total: of all bins.
        lately: the whole minutes before this one.
        delivered_last_day: by the destination's primary key.
    """

    range: Range
    bins: list[Bin]
    total: Bin
    lately: Bin
    shares: list[Share] = field(default_factory=list)
    delivered_last_day: dict[int, int] = field(default_factory=dict)

    @property
    def received_per_minute(self) -> float:
        """Lately."""
        return self.lately.received / LATELY_MINUTES

    @property
    def delivered_per_minute(self) -> float:
        """Lately."""
        return self.lately.delivered / LATELY_MINUTES


def figures(chosen: Range, now: datetime) -> Figures:
    """What was counted in a range, in the last minutes, and for each destination in a day."""
    begins = chosen.begins(now)
    minute = beginning(Unit.MINUTE, now)
    found = Figures(
        chosen, [Bin(at) for at in begins], Bin(begins[0]), Bin(minute - LATELY_MINUTES * LENGTH[Unit.MINUTE])
    )
    by_time = {each.begins_at: each for each in found.bins}
    modalities: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    a_day: defaultdict[int, int] = defaultdict(int)
    for unit, begins_at, what, key, count, size in _rows(chosen, begins[0], found.lately.begins_at, now):
        if unit == chosen.unit and (bin_ := by_time.get(begins_at)):
            bin_.add(what, key, count, size)
            found.total.add(what, key, count, size)
            if what == What.RECEIVED:
                modalities[key][0] += count
                modalities[key][1] += size
        if unit == Unit.MINUTE and found.lately.begins_at <= begins_at < minute:
            found.lately.add(what, key, count, size)
        if unit == Unit.HALF_HOUR and what == What.DELIVERED and begins_at > now - _A_DAY:
            a_day[int(key)] += count
    found.shares = _shares(modalities, found.total.received)
    found.delivered_last_day = dict(a_day)
    return found


def stock() -> list[Stock]:
    """What is stored, by tier, the quickest first; nothing before it was counted once."""
    return list(Stock.objects.all())


def _rows(
    chosen: Range, begin: datetime, lately: datetime, now: datetime
) -> Iterable[tuple[str, datetime, str, str, int, int]]:
    wanted = Q(unit=chosen.unit, begins_at__gte=begin)
    if chosen.unit != Unit.MINUTE:
        wanted |= Q(unit=Unit.MINUTE, begins_at__gte=lately)
    if chosen.unit != Unit.HALF_HOUR:
        wanted |= Q(unit=Unit.HALF_HOUR, begins_at__gte=now - _A_DAY, what=What.DELIVERED)
    rows = Tally.objects.filter(wanted).order_by()
    return rows.values_list("unit", "begins_at", "what", "key", "count", "size_bytes")


def _shares(modalities: Mapping[str, list[int]], total: int) -> list[Share]:
    shares = [Share(code, count, size, 100 * count / total) for code, (count, size) in modalities.items()]
    return sorted(shares, key=lambda share: (-share.instances, share.modality))
