"""Drive one destination's lane: claim a batch, send it, record each outcome; until nothing is due."""

import logging
import time
from collections import defaultdict

from django.utils import timezone

from routing import queue
from routing.events import deliveries_due
from routing.lanes import Lane, lane, record_failure, record_success, waiting_lanes
from routing.models import Delivery
from routing.transports import SENDERS, Outcome, PeerLost

logger = logging.getLogger(__name__)
BATCH = 50
DRIVE_SECONDS = 10.0  # then others get the worker's thread; the lane is woken again
FLUSH_SECONDS = 1.0  # what a crash may have to send again
LOSSES_BEFORE_REST = 3


def drive(destination_pk: int) -> int:
    """Send what is due for one destination; returns how many instances it took.

    Does nothing when another worker is at it already, or the destination rests.
    """
    delivered, is_done = 0, False
    deadline = time.monotonic() + DRIVE_SECONDS
    with lane(destination_pk) as held:
        while held is not None and not is_done and time.monotonic() < deadline:
            deliveries = queue.claim(held.destination, token=held.token, limit=BATCH)
            count, is_reachable = _send(held, deliveries) if deliveries else (0, False)
            delivered += count
            is_done = not is_reachable or not _may_go_on(held)
    # What came due while the lane was held rang in vain.
    if held is not None and destination_pk in waiting_lanes():
        deliveries_due.send(Delivery, destination_pk=destination_pk)
    return delivered


def _may_go_on(held: Lane) -> bool:
    held.destination.refresh_from_db(fields=["is_enabled", "lane_token"])
    return held.destination.is_enabled and held.destination.lane_token == held.token


def _send(held: Lane, deliveries: list[Delivery]) -> tuple[int, bool]:
    """Send one batch; returns how many were delivered, and whether the peer is still there."""
    began = time.monotonic()
    destination = held.destination
    recorder = _Recorder(held)
    is_reachable = True
    try:
        for outcome in SENDERS[destination.kind](destination, deliveries):
            recorder.record(outcome)
    except PeerLost as lost:
        recorder.flush()
        is_reachable = _record_loss(held, lost, any_delivered=recorder.count > 0)
    finally:
        recorder.flush()
    # What a lost association left untried is due again. Not so after an error of ours: then the leases run out, which
    # counts as a lost worker, so that an instance that breaks the sender each time is set aside at last.
    queue.give_back(held.token, error="", at=timezone.now())
    logger.info(
        "delivered",
        extra={
            "destination": destination.name,
            "count": recorder.count,
            "claimed": len(deliveries),
            "milliseconds": round((time.monotonic() - began) * 1000),
        },
    )
    return recorder.count, is_reachable


def _record_loss(held: Lane, lost: PeerLost, *, any_delivered: bool) -> bool:
    """Note a lost peer on the instances it was lost with and on the destination; True when to go on at once."""
    destination = held.destination
    logger.warning("destination lost", extra={"destination": destination.name, "reason": str(lost)})
    for delivery in lost.during:
        queue.finish_failed(held.token, delivery.pk, status=None, error=str(lost), is_permanent=False)
    destination.refresh_from_db(fields=["failures_in_a_row"])
    losses = 0 if any_delivered else destination.failures_in_a_row + 1
    rest = not lost.during or losses >= LOSSES_BEFORE_REST
    record_failure(destination, str(lost), rest=rest)
    if not lost.during:
        queue.give_back(held.token, error=str(lost), at=timezone.now())
    return not rest


class _Recorder:
    """Writes successes in groups and failures at once."""

    def __init__(self, held: Lane) -> None:
        self._destination = held.destination
        self._token = held.token
        self._delivered: dict[int, list[int]] = defaultdict(list)
        self._flushed_at = time.monotonic()
        self.count = 0

    def record(self, outcome: Outcome) -> None:
        """Note one outcome."""
        if outcome.is_delivered:
            self.count += 1
            self._delivered[outcome.status or 0].append(outcome.delivery.pk)
            if time.monotonic() - self._flushed_at > FLUSH_SECONDS:
                self.flush()
            return
        queue.finish_failed(
            self._token,
            outcome.delivery.pk,
            status=outcome.status,
            error=outcome.error,
            is_permanent=outcome.is_permanent,
        )

    def flush(self) -> None:
        """Write the successes."""
        if self._delivered:
            queue.finish_delivered(self._token, self._delivered)
            record_success(self._destination)
            self._delivered = defaultdict(list)
        self._flushed_at = time.monotonic()
