"""One turn of counting: what came since the last one, and some of what was there before the counting began."""

import time
from datetime import datetime

from gateway.analytics import delivered, numbered
from gateway.analytics.models import Tally
from gateway.analytics.stock import count_stock
from gateway.analytics.units import KEPT
from gateway.analytics.waiting import look_at_queue

TURN_SECONDS = 2.0  # of 15: the rest is for others


def roll_up(now: datetime, *, seconds: float = TURN_SECONDS) -> bool:
    """Count for at most about so many seconds; True when there was more to count."""
    count_stock(now)
    look_at_queue(now)
    end = time.monotonic() + seconds
    while _step(now):
        if time.monotonic() >= end:
            return True
    return False


def tidy(now: datetime) -> None:
    """Count what came late, and remove the counts that are kept no longer."""
    delivered.count_late(now)
    for unit, kept in KEPT.items():
        Tally.objects.filter(unit=unit, begins_at__lte=now - kept).delete()


def _step(now: datetime) -> bool:
    """Some of each kind; True when one of them has more."""
    more = [numbered.count_some(stream, now) for stream in numbered.STREAMS]
    return any([*more, delivered.count_some(now)])
