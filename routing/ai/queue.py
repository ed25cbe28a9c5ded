"""Requests as a queue: claimed for a worker with a lease, finished under its token, failed over to the next worker.

Each step is one conditional UPDATE. The rows are the only truth: no message is needed for any of it.
"""

import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from routing.ai.choose import Workers
from routing.ai.health import record_failure
from routing.ai.models import AIPool, AIRequest, AIRequestState, AIResult, AIVerdict, AIWorker
from routing.ai.originals import may_leave

logger = logging.getLogger(__name__)
LEASE_SECONDS = 30
LOOK_AT = 20  # requests of a pool: the first may wait for a worker that is busy while another is free for the next
MAXIMUM_LOST_LEASES = 3
FIRST_BACK_OFF_SECONDS = 10
LONGEST_BACK_OFF_SECONDS = 300
LONGEST_TIMEOUT = timedelta(days=1)  # AIWorker.timeout_seconds
GIVE_UP_AFTER = timedelta(hours=72)
ERROR_LENGTH = 300


@dataclass(frozen=True)
class Claim:
    """A request that is ours to send to a worker, as long as the lease lasts."""

    request: AIRequest
    worker: AIWorker
    token: str


def claim() -> Claim | None:
    """The most urgent request that some worker is free for; None when there is none now."""
    for pool in _pools_with_something_due():
        if (found := _claim_of(pool)) is not None:
            return found
    return None


def is_more_due() -> bool:
    """Whether requests wait that may leave; perhaps for a worker that is busy."""
    return bool(_pools_with_something_due())


def is_held_back() -> bool:
    """Whether requests wait for originals to be on their way."""
    now = timezone.now()
    may = may_leave(now)
    return bool(may) and _due(now).filter(~may, pool__is_enabled=True).exists()


def renew(claimed: Claim) -> bool:
    """Extend the lease; False when it is ours no longer."""
    return bool(_held(claimed).update(lease_until=timezone.now() + timedelta(seconds=LEASE_SECONDS)))


def finish_sent(claimed: Claim) -> bool:
    """The worker has everything: from now on its result is waited for. False when that is not for us to say."""
    deadline = timezone.now() + timedelta(seconds=claimed.worker.timeout_seconds)
    return bool(
        _held(claimed).update(
            state=AIRequestState.ASKED, deadline_at=deadline, last_error="", lease_token="", lease_until=None
        )
    )


def finish_failed(claimed: Claim, error: str) -> bool:
    """The worker could not be asked: the next one is, while attempts are left."""
    return _pass_on(claimed.request, _held(claimed), error)


@transaction.atomic
def take_back_expired_leases() -> int:
    """Requests whose sending process was lost go again; that is no failed attempt until it happens too often."""
    now = timezone.now()
    # A lease is never longer than its length: if it seems so, the clock was set back.
    is_over = Q(lease_until__lt=now) | Q(lease_until__gt=now + timedelta(seconds=2 * LEASE_SECONDS))
    expired = AIRequest.objects.filter(is_over, state=AIRequestState.SENDING).select_related("pool")
    error = "The sending process was lost."
    return sum(_pass_on(lost, expired.filter(pk=lost.pk), error, grace=MAXIMUM_LOST_LEASES) for lost in list(expired))


def pass_on_overdue() -> int:
    """Requests whose worker did not answer in time go to the next one, unless a result of the study is to be judged."""
    now = timezone.now()
    is_over = Q(deadline_at__lt=now) | Q(deadline_at__gt=now + LONGEST_TIMEOUT)
    unjudged = AIResult.objects.filter(verdict=AIVerdict.WAITING, instance__series__study=OuterRef("study"))
    overdue = AIRequest.objects.filter(is_over, ~Exists(unjudged), state=AIRequestState.ASKED)
    count = 0
    for late in list(overdue.select_related("pool", "worker")):
        seconds = late.worker.timeout_seconds if late.worker else 0
        error = f"{late.worker or 'The worker'} did not answer within {seconds} s."
        if _pass_on(late, overdue.filter(pk=late.pk), error):
            count += 1
            if late.worker is not None:
                record_failure(late.worker, error, is_unreachable=False)
    return count


def give_up_unwanted() -> int:
    """Requests for which no worker was found in three days have failed."""
    since = timezone.now() - GIVE_UP_AFTER
    waiting = AIRequest.objects.filter(state=AIRequestState.QUEUED, next_attempt_at__lt=since, pool__is_enabled=True)
    return waiting.update(
        state=AIRequestState.FAILED, last_error="For three days no worker of the pool was free and well."
    )


def pull_in_far_attempts() -> int:
    """No attempt is further away than the longest back-off: the clock may have jumped when it was set."""
    farthest = timezone.now() + timedelta(seconds=LONGEST_BACK_OFF_SECONDS)
    far = AIRequest.objects.filter(state=AIRequestState.QUEUED, next_attempt_at__gt=farthest)
    return far.update(next_attempt_at=farthest)


def asked_so_far(request: AIRequest) -> list[int]:
    """Keys of all workers that were sent this request, the latest last."""
    known: list[int] = list(request.tried)
    return known if request.worker_id is None or request.worker_id in known else [*known, request.worker_id]


def _pools_with_something_due() -> list[AIPool]:
    now = timezone.now()
    due = _due(now).filter(may_leave(now), pool=OuterRef("pk"))
    return list(AIPool.objects.filter(Exists(due), is_enabled=True))


def _due(now: datetime) -> QuerySet[AIRequest]:
    return AIRequest.objects.filter(state=AIRequestState.QUEUED, next_attempt_at__lte=now)


@transaction.atomic
def _claim_of(pool: AIPool) -> Claim | None:
    # Whoever holds the pool's row counts its open requests alone, so no worker gets more than it may have.
    AIPool.objects.select_for_update(no_key=True).get(pk=pool.pk)
    workers, now = Workers(pool), timezone.now()
    due = _due(now).filter(may_leave(now), pool=pool)
    for request in due.order_by("priority", "next_attempt_at", "pk")[:LOOK_AT] if workers.free else ():
        worker = workers.choose(request.tried)
        if worker is not None:
            return _claim_for(request, worker, now)
    return None


def _claim_for(request: AIRequest, worker: AIWorker, now: datetime) -> Claim | None:
    token = secrets.token_hex(16)
    is_ours = AIRequest.objects.filter(pk=request.pk, state=AIRequestState.QUEUED).update(
        state=AIRequestState.SENDING,
        worker=worker,
        attempts=F("attempts") + 1,
        lease_token=token,
        lease_until=now + timedelta(seconds=LEASE_SECONDS),
        sent_at=now,
        deadline_at=None,
    )
    if not is_ours:
        return None
    AIWorker.objects.filter(pk=worker.pk).update(last_asked_at=now)
    request.refresh_from_db()
    return Claim(request, worker, token)


def _held(claimed: Claim) -> QuerySet[AIRequest]:
    return AIRequest.objects.filter(pk=claimed.request.pk, state=AIRequestState.SENDING, lease_token=claimed.token)


def _pass_on(request: AIRequest, rows: QuerySet[AIRequest], error: str, *, grace: int = 0) -> bool:
    """Give a request to the next worker, or let it fail when all its attempts are used.

    Args:
        request: as it was read.
        rows: the same row, if it still is as it was.
        error: what became of this attempt.
        grace: how many attempts more it has, because this one did not fail by its worker.
    """
    tried = asked_so_far(request)
    is_over = request.attempts >= request.pool.maximum_attempts + grace
    workers = request.pool.workers.filter(is_enabled=True)
    has_next = workers.exclude(pk__in=tried).exists()
    wait = 0 if has_next else FIRST_BACK_OFF_SECONDS * 2 ** min(max(request.attempts - 1, 0), 8)
    changed = rows.update(
        state=AIRequestState.FAILED if is_over else AIRequestState.QUEUED,
        tried=tried,
        next_attempt_at=timezone.now() + timedelta(seconds=min(wait, LONGEST_BACK_OFF_SECONDS)),
        deadline_at=None,
        lease_token="",
        lease_until=None,
        last_error=(f"{request.attempts} attempts. The last: {error}" if is_over else error)[:ERROR_LENGTH],
    )
    if changed:
        log = logger.error if is_over else logger.warning
        log("AI request failed" if is_over else "AI request passed on", extra={"request": request.pk, "reason": error})
    return bool(changed)
