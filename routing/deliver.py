"""Drive one destination's lane: see that its peer is there, then send until nothing is due."""

import logging
import time

from routing.crew import Crew
from routing.destinations import echo_destination
from routing.events import deliveries_due
from routing.lanes import end_pause, lane, record_failure, waiting_lanes
from routing.models import Delivery, Destination

logger = logging.getLogger(__name__)
DRIVE_SECONDS = 10.0  # then others get the worker's thread; the lane is woken again


def drive(destination_pk: int) -> int:
    """Send what is due for one destination; returns how many instances it took.

    Does nothing when another worker is at it already, or the destination rests. After a rest the peer is asked for a
    sign of life first: an instance is no probe.
    """
    with lane(destination_pk) as held:
        if held is None or not _is_there(held.destination):
            return 0
        delivered = Crew(held, deadline=time.monotonic() + DRIVE_SECONDS).work()
    # What came due while the lane was held rang in vain.
    if destination_pk in waiting_lanes():
        deliveries_due.send(Delivery, destination_pk=destination_pk)
    return delivered


def _is_there(destination: Destination) -> bool:
    if destination.paused_until is None:
        return True
    outcome = echo_destination(destination)
    is_there = outcome.is_alive or outcome.has_answered
    logger.info("destination probed", extra={"destination": destination.name, "is_there": is_there})
    if is_there:
        end_pause(destination)
    else:
        record_failure(destination, outcome.words, rest=True)
    return is_there
