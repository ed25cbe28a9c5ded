"""A study's requests and results for its time line, summed up."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Max
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from routing.ai.models import AIRequestState, AIVerdict
from routing.ai.selectors import requests_of, results_of
from studies.models import Study

MAXIMUM_EVENTS = 500
_REQUESTS = {
    AIRequestState.QUEUED: (gettext_noop("{pool} is to be asked about {count}"), "busy"),
    AIRequestState.SENDING: (gettext_noop("Sending {count} to {worker} of {pool}"), "busy"),
    AIRequestState.ASKED: (gettext_noop("Asked {worker} of {pool} about {count}"), "busy"),
    AIRequestState.ANSWERED: (gettext_noop("{worker} of {pool} answered about {count}"), "ok"),
    AIRequestState.FAILED: (gettext_noop("No worker of {pool} answered about {count}"), "failed"),
    AIRequestState.CANCELLED: (gettext_noop("The request to {pool} about {count} was cancelled"), ""),
}
_RESULTS = {
    AIVerdict.WAITING: (gettext_noop("{results} from {worker} to be judged"), "busy"),
    AIVerdict.ACCEPTED: (gettext_noop("{results} from {worker} accepted"), "ok"),
    AIVerdict.LATE: (gettext_noop("{results} from {worker} accepted after its time"), "ok"),
    AIVerdict.DUPLICATE: (gettext_noop("{results} from {worker} again, dropped"), ""),
    AIVerdict.QUARANTINED: (gettext_noop("{results} from {worker} quarantined"), "warning"),
    AIVerdict.RELEASED: (gettext_noop("{results} from {worker} released by a person"), "ok"),
    AIVerdict.KEPT: (gettext_noop("{results} from {worker} kept back by a person"), ""),
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
        worker = request.worker.name if request.worker else _("A worker")
        words = _(template).format(pool=request.pool.name, worker=worker, count=_instances(request.count))
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
        words = _(template).format(results=_results(row["count"]), worker=row["sender"])
        yield AIEvent(row["last"], words, row["reason"], state)


def _instances(count: int) -> str:
    return ngettext("%(number)d instance", "%(number)d instances", count) % {"number": count}


def _results(count: int) -> str:
    return ngettext("%(number)d AI result", "%(number)d AI results", count) % {"number": count}
