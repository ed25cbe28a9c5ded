"""The samples of the last days, as growth, forecasts and tables of the cost page take them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from studies.models import Tier
from tiering.growth import FORECAST_DAYS, Filling, filling, per_day
from tiering.models import SampleOf, TierSample

SHORT_DAYS, LONG_DAYS = 30, FORECAST_DAYS


@dataclass(frozen=True)
class Growth:
    """Bytes a day; None where too little is known."""

    short: float | None
    long: float | None


@dataclass(frozen=True)
class Day:
    """What lay where on one day, and what all of it cost a month."""

    on: date
    hot: int
    cold: int
    archive: int
    per_month: Decimal

    @property
    def total(self) -> int:
        """Each content once."""
        return self.hot + self.cold + self.archive


class History:
    """Samples of the last LONG_DAYS, read once."""

    def __init__(self, today: date) -> None:
        self.today = today
        rows = TierSample.objects.filter(on__gt=today - timedelta(days=LONG_DAYS), on__lte=today)
        self._rows: Mapping[tuple[str, str], list[TierSample]] = defaultdict(list)
        for row in rows.exclude(what=SampleOf.POLICY).order_by("on"):
            self._rows[row.what, row.key].append(row)

    def growth(self, what: str, key: str) -> Growth:
        """Of the bytes of one thing."""
        points = [(row.on, row.size_bytes) for row in self._rows.get((what, key), [])]
        return Growth(
            per_day(points, today=self.today, days=SHORT_DAYS), per_day(points, today=self.today, days=LONG_DAYS)
        )

    def filling(self, what: str, key: str, free_bytes: int | None) -> Filling:
        """When one disk is full."""
        points = [(row.on, row.used_bytes) for row in self._rows.get((what, key), []) if row.used_bytes is not None]
        return filling(points, free_bytes, today=self.today)

    def hot_disk(self) -> Mapping[date, int]:
        """Bytes in use on the hot store's disk by day."""
        rows = self._rows.get((SampleOf.TIER, Tier.HOT), [])
        return {row.on: row.used_bytes for row in rows if row.used_bytes is not None}

    def days(self) -> Sequence[Day]:
        """The latest first."""
        tiers: dict[date, dict[str, TierSample]] = defaultdict(dict)
        for tier in Tier.values:
            for row in self._rows.get((SampleOf.TIER, tier), []):
                tiers[row.on][tier] = row
        return [_day(on, rows) for on, rows in sorted(tiers.items(), reverse=True)]


def _day(on: date, rows: Mapping[str, TierSample]) -> Day:
    size = {tier: rows[tier].size_bytes if tier in rows else 0 for tier in Tier.values}
    per_month = sum((row.per_month for row in rows.values()), Decimal(0))
    return Day(on, size[Tier.HOT], size[Tier.COLD], size[Tier.ARCHIVE], per_month)
