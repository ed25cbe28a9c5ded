"""When a lane will have sent what waits, from how fast it went lately and when it may send."""

from datetime import datetime, timedelta

from routing.models import Destination
from routing.window import after_work

RECENT = timedelta(minutes=5)  # what counts as lately


def rate(delivered: int, since: datetime | None, now: datetime) -> float:
    """Instances per second.

    Args:
        delivered: in the recent past.
        since: the first of them; None when there was none.
        now: the end of that time.
    """
    if not delivered or since is None:
        return 0.0
    return delivered / max((now - since).total_seconds(), 1.0)


def drains_at(destination: Destination, waiting: int, per_second: float, now: datetime) -> datetime | None:
    """When the last of what waits will have left; None when nothing waits or moves, or the lane is off or rests."""
    if not waiting or not per_second or not destination.is_enabled or destination.paused_until is not None:
        return None
    return after_work(destination, now, waiting / per_second)
