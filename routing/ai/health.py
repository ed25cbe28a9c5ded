"""Which workers are well: by what became of their requests, and by C-ECHO once they were not.

A worker that rests is asked nothing. When its rest is over the sweep has it echoed, and only an answer ends the rest.
"""

import logging
from datetime import timedelta

from django.db.models import F, Q
from django.utils import timezone

from routing.ai.models import AIWorker
from routing.ai.workers import echo_worker

logger = logging.getLogger(__name__)
FIRST_REST_SECONDS = 5
LONGEST_REST_SECONDS = 300
PROBE_SECONDS = 60  # an echo has failed by then
FAILURES_BEFORE_REST = 3


def record_failure(worker: AIWorker, error: str, *, is_unreachable: bool) -> None:
    """It failed a request; it rests at once when it could not be reached, else after some failures in a row."""
    AIWorker.objects.filter(pk=worker.pk).update(failures_in_a_row=F("failures_in_a_row") + 1, last_error=error[:300])
    worker.refresh_from_db(fields=["failures_in_a_row"])
    if is_unreachable or worker.failures_in_a_row >= FAILURES_BEFORE_REST:
        _rest(worker)
    logger.warning("AI worker failed", extra={"worker": worker.name, "reason": error})


def record_answer(worker_pk: int) -> None:
    """A result of it was accepted."""
    AIWorker.objects.filter(pk=worker_pk).update(
        last_result_at=timezone.now(), failures_in_a_row=0, paused_until=None, last_error=""
    )


def due_probes() -> list[int]:
    """Workers whose rest is over; each is named to one caller, and rests on until it has answered."""
    now = timezone.now()
    # A rest is never longer than its maximum: if it seems so, the clock was set back.
    is_over = Q(paused_until__lte=now) | Q(paused_until__gt=now + timedelta(seconds=2 * LONGEST_REST_SECONDS))
    resting = AIWorker.objects.filter(is_over, is_enabled=True)
    until = now + timedelta(seconds=PROBE_SECONDS)
    return [
        pk
        for pk in resting.values_list("pk", flat=True)
        if AIWorker.objects.filter(is_over, pk=pk).update(paused_until=until)
    ]


def probe(worker_pk: int) -> bool:
    """Echo a worker that rests; whether it is well again."""
    worker = AIWorker.objects.filter(pk=worker_pk).first()
    if worker is None:
        return False
    outcome = echo_worker(worker)
    if outcome.is_alive:
        AIWorker.objects.filter(pk=worker_pk).update(paused_until=None)
    else:
        record_failure(worker, outcome.words, is_unreachable=True)
    return outcome.is_alive


def _rest(worker: AIWorker) -> None:
    seconds = min(FIRST_REST_SECONDS * 2 ** min(worker.failures_in_a_row - 1, 8), LONGEST_REST_SECONDS)
    until = timezone.now() + timedelta(seconds=seconds)
    AIWorker.objects.filter(pk=worker.pk).update(paused_until=until)
