"""How fast something grows and when a disk is full, from one figure a day. Pure.

The growth is the median of the slopes between all pairs of days (Theil-Sen): a day on which a scanner was served, or a
policy emptied the disk, changes it little.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from statistics import median

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

Points = Sequence[tuple[date, int]]
LEAST_DAYS = 7  # a week has its weekend
LEAST_POINTS = 5
FORECAST_DAYS = 90  # looked back
HORIZON_DAYS = 3650  # what is further away nobody can say


def per_day(points: Points, *, today: date, days: int) -> float | None:
    """Growth in a day over the last so many days; None where too little is known."""
    recent = [(on.toordinal(), value) for on, value in points if today - timedelta(days=days) <= on <= today]
    if len(recent) < LEAST_POINTS or max(recent)[0] - min(recent)[0] < LEAST_DAYS:
        return None
    recent.sort()
    return median(
        (value - before) / (on - earlier)
        for number, (on, value) in enumerate(recent)
        for earlier, before in recent[:number]
    )


@dataclass(frozen=True)
class Filling:
    """When a disk is full, or why that is not said.

    Attributes:
        on: the day; None where ``words`` say why there is none.
        words: for people.
        is_full: now.
    """

    on: date | None
    words: str
    is_full: bool = field(default=False, compare=False)


def filling(points: Points, free_bytes: int | None, *, today: date) -> Filling:
    """When what is free now is used up, if it goes on as in the last FORECAST_DAYS.

    Args:
        points: bytes in use by day.
        free_bytes: now, until it counts as full; None: nobody knows how much it takes.
        today: the last day that may be among the points.
    """
    if free_bytes is None:
        return Filling(None, _("no limit known"))
    if free_bytes <= 0:
        return Filling(today, _("full now"), is_full=True)
    growth = per_day(points, today=today, days=FORECAST_DAYS)
    if growth is None:
        words = ngettext(
            "too little history: %(days)s day known, %(needed)s are needed",
            "too little history: %(days)s days known, %(needed)s are needed",
            len(points),
        )
        return Filling(None, words % {"days": len(points), "needed": LEAST_DAYS + 1})
    if growth <= 0:
        return Filling(None, _("not filling"))
    days_left = free_bytes / growth
    if days_left > HORIZON_DAYS:
        return Filling(None, _("not within ten years"))
    whole_days = int(days_left)
    on = today + timedelta(days=whole_days)
    words = ngettext("about %(on)s, in %(days)s day", "about %(on)s, in %(days)s days", whole_days)
    return Filling(on, words % {"on": on.isoformat(), "days": whole_days})
