"""When a destination may be sent to: a time of day from and to, past midnight when it ends before it begins."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

from django.utils import timezone

from routing.models import Destination, Priority

MAXIMUM_DAYS = 366  # beyond that a forecast says nothing


def priorities_now(destination: Destination, now: datetime) -> Sequence[int]:
    """What may leave at this moment, the most urgent first: outside of the window only STAT."""
    return tuple(Priority.values) if is_open(destination, now) else (Priority.STAT.value,)


def is_open(destination: Destination, now: datetime) -> bool:
    """Whether the destination's window is open at this moment; one without a window always is."""
    begins, ends = destination.window_begins_at, destination.window_ends_at
    return _is_within(timezone.localtime(now).time(), begins, ends)


def opens_at(destination: Destination, now: datetime) -> datetime:
    """This moment when the window is open, else when it opens next."""
    if is_open(destination, now) or destination.window_begins_at is None:
        return now
    return _next(destination.window_begins_at, now)


def after_work(destination: Destination, now: datetime, seconds: float) -> datetime | None:
    """When so many seconds of sending will be over, with the times between two windows left out.

    Returns:
        None when that is more than a year away.
    """
    moment, farthest = now.astimezone(UTC), now + timedelta(days=MAXIMUM_DAYS)
    while moment <= farthest:
        moment = opens_at(destination, moment)
        if destination.window_ends_at is None or destination.window_begins_at == destination.window_ends_at:
            left = seconds
        else:
            left = (_next(destination.window_ends_at, moment) - moment).total_seconds()
        if seconds <= left:
            return moment + timedelta(seconds=seconds) if seconds < MAXIMUM_DAYS * 86_400 else None
        seconds -= left
        moment += timedelta(seconds=left)
    return None


def _is_within(at: time, begins: time | None, ends: time | None) -> bool:
    if begins is None or ends is None or begins == ends:
        return True
    if begins < ends:
        return begins <= at < ends
    return at >= begins or at < ends


def _next(at: time, now: datetime) -> datetime:
    """The next moment after now at which local clocks show this time."""
    local = timezone.localtime(now)
    for days in (0, 1, 2):
        # Put together anew for each day: on the day that the clocks change it is not 24 hours later.
        found = datetime.combine(local.date() + timedelta(days=days), at, tzinfo=local.tzinfo)
        if found.timestamp() > now.timestamp():
            return found.astimezone(UTC)  # in which seconds can be added
    return now + timedelta(days=1)  # never: two days on is later, whatever the clocks do
