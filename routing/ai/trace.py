"""A study's requests and results for its time line, summed up."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Max
from django.db.models.functions import Coalesce

from routing.ai.models import AIRequestState, AIVerdict
from routing.ai.selectors import requests_of, results_of
from studies.models import Study

MAXIMUM_EVENTS = 500
_REQUESTS = {
    AIRequestState.QUEUED: ("{pool} is to be asked about {count}", "busy"),
    AIRequestState.SENDING: ("Sending {count} to {worker} of {pool}", "busy"),
    AIRequestState.ASKED: ("Asked {worker} of {pool} about {count}", "busy"),
    AIRequestState.ANSWERED: ("{worker} of {pool} answered about {count}", "ok"),
    AIRequestState.FAILED: ("No worker of {pool} answered about {count}", "failed"),
    AIRequestState.CANCELLED: ("The request to {pool} about {count} was cancelled", ""),
}
_RESULTS = {
    AIVerdict.WAITING: ("from {worker} to be judged", "busy"),
    AIVerdict.ACCEPTED: ("from {worker} accepted", "ok"),
    AIVerdict.LATE: ("from {worker} accepted after its time", "ok"),
    AIVerdict.DUPLICATE: ("from {worker} again, dropped", ""),
    AIVerdict.QUARANTINED: ("from {worker} quarantined", "warning"),
    AIVerdict.RELEASED: ("from {worker} released by a person", "ok"),
    AIVerdict.KEPT: ("from {worker} kept back by a person", ""),
}


@dataclass(frozen=True)
class AIEvent:
    """One line of the time line; ``state`` as the trace has it."""

    at: datetime
    words: str
    detail: str
    state: str


def asked(study: Study) -> Iterator[AIEvent]:
    """One event for each request, where it stands now."""
    rows = requests_of(study).annotate(count=Count("instances"))
    for request in rows[:MAXIMUM_EVENTS]:
        template, state = _REQUESTS[AIRequestState(request.state)]
        worker = request.worker.name if request.worker else "A worker"
        words = template.format(pool=request.pool.name, worker=worker, count=_counted(request.count, "instance"))
        at = request.answered_at or request.sent_at or request.created_at
        yield AIEvent(at, words[:1].upper() + words[1:], request.last_error, state)


def resulted(study: Study) -> Iterator[AIEvent]:
    """One event for all results of one worker with the same verdict for the same reason."""
    rows = (
        results_of(study)
        .order_by()
        .annotate(sender=Coalesce("worker__name", F("instance__calling_ae_title")))
        .values("sender", "verdict", "reason")
        .annotate(count=Count("pk"), last=Max("instance__received_at"))
    )
    for row in rows[:MAXIMUM_EVENTS]:
        template, state = _RESULTS[AIVerdict(row["verdict"])]
        words = f"{_counted(row['count'], 'AI result')} {template.format(worker=row['sender'])}"
        yield AIEvent(row["last"], words, row["reason"], state)


def _counted(count: int, name: str) -> str:
    return f"{count} {name}{'' if count == 1 else 's'}"
