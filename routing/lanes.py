"""A destination's lane: one worker drives it at a time, and a breaker rests it while its peer is away."""

import logging
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from dicomnet.audit import Action, Entry, record
from routing import queue
from routing.models import Delivery, DeliveryState, Destination, Priority
from routing.window import is_open

logger = logging.getLogger(__name__)
LANE_SECONDS = queue.LEASE_SECONDS
RENEW_SECONDS = 5
FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 60


class Lane:
    """A destination that this worker drives: the token of its hold, and those of the batches that are under way."""

    def __init__(self, destination: Destination, token: str) -> None:
        self.destination = destination
        self.token = token
        self._batches: set[str] = set()
        self._lock = threading.Lock()

    def new_batch(self) -> str:
        """A token for one batch, whose lease is renewed with the lane's until it ends."""
        token = secrets.token_hex(8)
        with self._lock:
            self._batches.add(token)
        return token

    def end_batch(self, token: str) -> None:
        """Nothing is held under this token any more."""
        with self._lock:
            self._batches.discard(token)

    def renew(self) -> None:
        """Extend the hold of the lane and of its batches; one that lost the lane renews nothing."""
        until = timezone.now() + timedelta(seconds=LANE_SECONDS)
        if Destination.objects.filter(pk=self.destination.pk, lane_token=self.token).update(lane_until=until):
            with self._lock:
                tokens = tuple(self._batches)
            queue.renew(tokens)

    def is_ours(self) -> bool:
        """Whether it may be driven on: still held by us, and not turned off meanwhile; reads its settings anew."""
        try:
            self.destination.refresh_from_db(
                fields=["is_enabled", "lane_token", "window_begins_at", "window_ends_at", "batch_size"]
            )
        except Destination.DoesNotExist:
            return False
        return self.destination.is_enabled and self.destination.lane_token == self.token


@contextmanager
def lane(destination_pk: int) -> Iterator[Lane | None]:
    """Drive this destination's lane; None when another worker does, or the destination rests or is disabled.

    A thread renews the hold while the lane is driven, with its deliveries' leases: one slow instance may take longer
    than a lease, and a worker that died renews nothing.
    """
    token = secrets.token_hex(16)
    until = timezone.now() + timedelta(seconds=LANE_SECONDS)
    if not _drivable().filter(pk=destination_pk).update(lane_token=token, lane_until=until):
        yield None
        return
    held = Lane(Destination.objects.get(pk=destination_pk), token)
    stop = threading.Event()
    renewer = threading.Thread(target=_renew_until, args=(held, stop), daemon=True)
    renewer.start()
    try:
        yield held
    finally:
        stop.set()
        renewer.join()
        Destination.objects.filter(pk=destination_pk, lane_token=token).update(lane_token="", lane_until=None)


def waiting_lanes() -> list[int]:
    """Destinations that nobody drives and that have something due which may leave now, or are to be probed."""
    now = timezone.now()
    due = Delivery.objects.filter(destination=OuterRef("pk"), state=DeliveryState.PENDING, next_attempt_at__lte=now)
    lanes = _drivable().annotate(has_due=Exists(due), has_stat=Exists(due.filter(priority=Priority.STAT)))
    return [
        lane.pk
        for lane in lanes.filter(Q(has_due=True) | Q(paused_until__isnull=False))
        if lane.paused_until is not None or lane.has_stat or is_open(lane, now)
    ]


def is_some_lane_driven() -> bool:
    """Whether anything is on its way to a destination now."""
    now = timezone.now()
    held = Q(lane_until__gt=now, lane_until__lt=now + timedelta(seconds=2 * LANE_SECONDS))
    return Destination.objects.filter(held).exists()


def hold_lane(destination: Destination) -> None:
    """Send it nothing more: what is under way is finished, the rest waits."""
    _enable(destination, is_enabled=False)


def release_lane(destination: Destination) -> None:
    """Send to it again, at once."""
    _enable(destination, is_enabled=True)
    queue.tell_due([destination.pk])


def _enable(destination: Destination, *, is_enabled: bool) -> None:
    with transaction.atomic():
        Destination.objects.filter(pk=destination.pk).update(is_enabled=is_enabled)
        detail = {"values": {"is_enabled": [not is_enabled, is_enabled]}}
        record(Entry(Action.CHANGED, subject=f"destination {destination.pk}: {destination}", detail=detail))


def record_success(destination: Destination) -> None:
    """The peer took something: the breaker closes."""
    Destination.objects.filter(pk=destination.pk).update(
        last_success_at=timezone.now(), failures_in_a_row=0, paused_until=None, last_error=""
    )


def record_failure(destination: Destination, error: str, *, rest: bool, asked_seconds: float = 0) -> None:
    """The peer could not be reached or was lost; it rests for 5 s, doubling to a minute, when ``rest`` says so.

    Args:
        destination: whose lane.
        error: in words.
        rest: whether it rests at all.
        asked_seconds: how long it asked to be left alone itself; it gets up to a minute of that.
    """
    destination.refresh_from_db(fields=["failures_in_a_row"])
    earned = FIRST_PAUSE_SECONDS * 2 ** min(destination.failures_in_a_row, 8)
    seconds = min(max(earned, asked_seconds), LONGEST_PAUSE_SECONDS)
    now = timezone.now()
    Destination.objects.filter(pk=destination.pk).update(
        last_failure_at=now,
        last_error=error[:300],
        failures_in_a_row=F("failures_in_a_row") + 1,
        paused_until=now + timedelta(seconds=seconds) if rest else None,
    )


def end_pause(destination: Destination) -> None:
    """The peer gave a sign of life: it is tried again. Its failures count on until it has taken something."""
    end_pauses(Destination.objects.filter(pk=destination.pk))
    destination.paused_until = None


def end_pauses(destinations: QuerySet[Destination]) -> None:
    """Have these destinations tried without waiting for a sign of life."""
    Destination.objects.filter(pk__in=destinations.values("pk")).update(paused_until=None)


def _drivable() -> QuerySet[Destination]:
    now = timezone.now()
    # A pause is never longer than its maximum: if it seems so, the clock was set back.
    farthest = now + timedelta(seconds=LONGEST_PAUSE_SECONDS)
    return Destination.objects.filter(
        Q(lane_until=None) | Q(lane_until__lt=now) | Q(lane_until__gt=now + timedelta(seconds=2 * LANE_SECONDS)),
        Q(paused_until=None) | Q(paused_until__lte=now) | Q(paused_until__gt=farthest),
        is_enabled=True,
    )


def _renew_until(held: Lane, stop: threading.Event) -> None:
    try:
        while not stop.wait(RENEW_SECONDS):
            try:
                held.renew()
            except DatabaseError as error:
                # The next try may come in time; else the lease runs out, as if this worker had died.
                logger.warning("lease not renewed", extra={"destination": held.destination.pk, "error": str(error)})
    finally:
        connection.close()
