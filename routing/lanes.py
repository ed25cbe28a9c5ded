"""A destination's lane: one worker drives it at a time, and a breaker rests it while its peer is away."""

import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import DatabaseError, connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from routing import queue
from routing.models import Delivery, DeliveryState, Destination

logger = logging.getLogger(__name__)
LANE_SECONDS = queue.LEASE_SECONDS
RENEW_SECONDS = 5
FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 60


@dataclass(frozen=True)
class Lane:
    """A destination that this worker drives, and the token under which it claims."""

    destination: Destination
    token: str


@contextmanager
def lane(destination_pk: int) -> Iterator[Lane | None]:
    """Drive this destination's lane; None when another worker does, or the destination rests or is disabled.

    A thread renews the hold while the lane is driven, with its deliveries' leases: one slow instance may take longer
    than a lease, and a worker that died renews nothing.
    """
    token = secrets.token_hex(16)
    now = timezone.now()
    is_ours = (
        _drivable().filter(pk=destination_pk).update(lane_token=token, lane_until=now + timedelta(seconds=LANE_SECONDS))
    )
    if not is_ours:
        yield None
        return
    stop = threading.Event()
    renewer = threading.Thread(target=_renew_until, args=(destination_pk, token, stop), daemon=True)
    renewer.start()
    try:
        yield Lane(Destination.objects.get(pk=destination_pk), token)
    finally:
        stop.set()
        renewer.join()
        Destination.objects.filter(pk=destination_pk, lane_token=token).update(lane_token="", lane_until=None)


def waiting_lanes() -> list[int]:
    """Destinations that have something due and that nobody drives."""
    due = Delivery.objects.filter(
        destination=OuterRef("pk"), state=DeliveryState.PENDING, next_attempt_at__lte=timezone.now()
    )
    return list(_drivable().filter(Exists(due)).values_list("pk", flat=True))


def record_success(destination: Destination) -> None:
    """The peer took something: the breaker closes."""
    Destination.objects.filter(pk=destination.pk).update(
        last_success_at=timezone.now(), failures_in_a_row=0, paused_until=None, last_error=""
    )


def record_failure(destination: Destination, error: str, *, rest: bool) -> None:
    """The peer could not be reached or was lost; it rests for 5 s, doubling to a minute, when ``rest`` says so."""
    destination.refresh_from_db(fields=["failures_in_a_row"])
    seconds = min(FIRST_PAUSE_SECONDS * 2 ** min(destination.failures_in_a_row, 8), LONGEST_PAUSE_SECONDS)
    now = timezone.now()
    Destination.objects.filter(pk=destination.pk).update(
        last_failure_at=now,
        last_error=error[:300],
        failures_in_a_row=F("failures_in_a_row") + 1,
        paused_until=now + timedelta(seconds=seconds) if rest else None,
    )


def _drivable() -> QuerySet[Destination]:
    now = timezone.now()
    # A pause is never longer than its maximum: if it seems so, the clock was set back.
    farthest = now + timedelta(seconds=LONGEST_PAUSE_SECONDS)
    return Destination.objects.filter(
        Q(lane_until=None) | Q(lane_until__lt=now) | Q(lane_until__gt=now + timedelta(seconds=2 * LANE_SECONDS)),
        Q(paused_until=None) | Q(paused_until__lte=now) | Q(paused_until__gt=farthest),
        is_enabled=True,
    )


def _renew_until(destination_pk: int, token: str, stop: threading.Event) -> None:
    try:
        while not stop.wait(RENEW_SECONDS):
            try:
                _renew(destination_pk, token)
            except DatabaseError as error:
                # The next try may come in time; else the lease runs out, as if this worker had died.
                logger.warning("lease not renewed", extra={"destination": destination_pk, "error": str(error)})
    finally:
        connection.close()


def _renew(destination_pk: int, token: str) -> None:
    until = timezone.now() + timedelta(seconds=LANE_SECONDS)
    if Destination.objects.filter(pk=destination_pk, lane_token=token).update(lane_until=until):
        queue.renew(token)
