"""Carry out what batches want, study by study, each exactly once.

The row of a study is marked and its work written in one transaction: a worker that is lost leaves both undone, and of
two workers that see the same row one writes.
"""

import logging
import time
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from gateway.batches.actions import ACTIONS, StudyRefused
from gateway.batches.models import Batch, BatchItem, BatchState, ItemState
from studies.leases import is_free

logger = logging.getLogger(__name__)
LEASE = timedelta(minutes=2)  # longer than a turn, and than one study in it
MAXIMUM_ATTEMPTS = 3
LOOKED_AT = 100  # rows, read at once


def work(seconds: float) -> bool:
    """Do what waits for this long, batch after batch; True when more may be left."""
    until = time.monotonic() + seconds
    while (batch := _take()) is not None:
        try:
            is_done = _drain(batch, until)
        finally:
            Batch.objects.filter(pk=batch.pk).update(lease_until=None)
        if not is_done:
            return True
    return False


def _take() -> Batch | None:
    """The first that no other worker is at; what a lost one was at is free again when its lease has ended."""
    now = timezone.now()
    free = Batch.objects.filter(is_free(now, LEASE), state=BatchState.RUNNING)
    for pk in free.order_by("pk").values_list("pk", flat=True)[:LOOKED_AT]:
        if free.filter(pk=pk).update(lease_until=now + LEASE):
            return Batch.objects.select_related("user").get(pk=pk)
    return None


def _drain(batch: Batch, until: float) -> bool:
    waiting = BatchItem.objects.filter(batch=batch, state=ItemState.WAITING).select_related("study").order_by("pk")
    while items := list(waiting[:LOOKED_AT]):
        for item in items:
            if time.monotonic() > until:
                return False
            _attempt(batch, item)
    if Batch.objects.filter(pk=batch.pk, state=BatchState.RUNNING).update(
        state=BatchState.DONE, finished_at=timezone.now()
    ):
        logger.info("batch done", extra={"batch": batch.pk, "action": batch.action})
    return True


def _attempt(batch: Batch, item: BatchItem) -> None:
    """One study; what fails for a reason of ours is tried again by the next turn, and given up in the end."""
    mine = BatchItem.objects.filter(pk=item.pk, state=ItemState.WAITING)
    if item.attempts >= MAXIMUM_ATTEMPTS:
        mine.update(state=ItemState.REFUSED, words="It could not be done; the log of the server says why.")
        return
    mine.update(attempts=F("attempts") + 1)
    try:
        with transaction.atomic():
            # First the row, so that it is locked: of two workers one changes it.
            if mine.update(state=ItemState.DONE):
                BatchItem.objects.filter(pk=item.pk).update(words=_done(batch, item)[:400])
    except StudyRefused as refusal:
        mine.update(state=ItemState.REFUSED, words=str(refusal)[:400])


def _done(batch: Batch, item: BatchItem) -> str:
    action, user = ACTIONS[batch.action], batch.user
    if not user.is_active or not user.has_perm(action.permission):
        raise StudyRefused("Whoever asked for it may not do this any more.")
    return action.carry_out(item.study, batch.options, user)
