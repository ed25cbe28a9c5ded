"""The lengths of time that are counted by, in UTC, and the ranges that a reader chooses from. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_MONDAY: Final = datetime(2001, 1, 1, tzinfo=UTC)


class Unit(models.TextChoices):
    """A length of time that is counted by; each range has one, so that none shows more than some sixty of them."""

    MINUTE = "minute", _("minute")
    HALF_HOUR = "half-hour", _("half hour")
    THREE_HOURS = "three-hours", _("three hours")
    DAY = "day", _("day")
    WEEK = "week", _("week")


LENGTH: Final = {
    Unit.MINUTE: timedelta(minutes=1),
    Unit.HALF_HOUR: timedelta(minutes=30),
    Unit.THREE_HOURS: timedelta(hours=3),
    Unit.DAY: timedelta(days=1),
    Unit.WEEK: timedelta(days=7),
}
# Days and weeks are kept for good: some hundred rows a week.
KEPT: Final = {
    Unit.MINUTE: timedelta(days=8),
    Unit.HALF_HOUR: timedelta(days=60),
    Unit.THREE_HOURS: timedelta(days=400),
}


def beginning(unit: Unit, at: datetime) -> datetime:
    """When the minute, half hour, ... began that a moment is in; weeks begin on Monday."""
    return at - (at - _MONDAY) % LENGTH[unit]


def is_kept(unit: Unit, begins_at: datetime, now: datetime) -> bool:
    """Whether a count of this unit is still kept."""
    return unit not in KEPT or begins_at > now - KEPT[unit]


@dataclass(frozen=True)
class Range:
    """A stretch of time up to now that a reader may choose.

    Attributes:
        key: in addresses.
        count: of units, the running one among them.
    """

    key: str
    label: str | Promise
    words: str | Promise
    unit: Unit
    count: int

    def begins(self, now: datetime) -> list[datetime]:
        """When each unit of it begins, the running one last."""
        last, length = beginning(self.unit, now), LENGTH[self.unit]
        return [last - length * (self.count - 1 - number) for number in range(self.count)]


RANGES: Final = {
    each.key: each
    for each in (
        Range("1h", "1 h", _("last hour"), Unit.MINUTE, 60),
        Range("24h", "24 h", _("last 24 hours"), Unit.HALF_HOUR, 48),
        Range("7d", "7 d", _("last 7 days"), Unit.THREE_HOURS, 56),
        Range("30d", "30 d", _("last 30 days"), Unit.DAY, 30),
        Range("1y", _("1 y"), _("last year"), Unit.WEEK, 52),
    )
}
DEFAULT_RANGE: Final = RANGES["24h"]
