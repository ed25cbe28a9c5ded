"""Originals first: while the way to an archive is busy, no copy leaves for an AI worker, for up to half a minute.

Both need the same processor, disk and network, and a copy is never as urgent as the study itself.
"""

from datetime import datetime, timedelta

from django.db.models import Q

from routing.lanes import is_some_lane_driven
from routing.models import Priority
from studies.models import Instance

# So that a gateway that is never idle asks its AI workers all the same.
LONGEST_WAIT = timedelta(seconds=30)


def may_leave(now: datetime) -> Q:
    """Which requests may be sent now: all, or the urgent and those that have waited long enough."""
    if not _are_on_their_way(now):
        return Q()
    waited = Q(created_at__lt=now - LONGEST_WAIT) | Q(created_at__gt=now)  # made in the future: the clock was set back
    return Q(priority=Priority.STAT) | waited


def _are_on_their_way(now: datetime) -> bool:
    # One that cannot be read is never planned: after a while it holds nothing up.
    unplanned = Instance.objects.filter(planned_at=None, received_at__gt=now - LONGEST_WAIT)
    return is_some_lane_driven() or unplanned.exists()
