"""Reads of requests and results that pages and API share."""

from django.db.models import Count, QuerySet

from routing.ai.models import AIRequest, AIRequestState, AIResult, AIVerdict
from studies.models import Study

# The tabs of the two lists.
REQUEST_TABS: dict[str, tuple[str, ...]] = {
    "open": (AIRequestState.QUEUED, AIRequestState.SENDING, AIRequestState.ASKED),
    "answered": (AIRequestState.ANSWERED,),
    "failed": (AIRequestState.FAILED,),
    "cancelled": (AIRequestState.CANCELLED,),
    "all": tuple(AIRequestState),
}
RESULT_TABS: dict[str, tuple[str, ...]] = {
    "quarantined": (AIVerdict.QUARANTINED,),
    "accepted": (AIVerdict.ACCEPTED, AIVerdict.LATE, AIVerdict.RELEASED),
    "duplicate": (AIVerdict.DUPLICATE,),
    "kept": (AIVerdict.KEPT,),
    "all": tuple(AIVerdict),
}


def list_requests(states: tuple[str, ...] = tuple(AIRequestState)) -> QuerySet[AIRequest]:
    """Requests in these states, newest first, with what a list shows."""
    found = AIRequest.objects.filter(state__in=states).select_related("pool", "worker", "study", "rule_version__rule")
    return found.annotate(instance_count=Count("instances")).order_by("-pk")


def list_results(verdicts: tuple[str, ...] = tuple(AIVerdict)) -> QuerySet[AIResult]:
    """Results with these verdicts, newest first, with what a list shows."""
    found = AIResult.objects.filter(verdict__in=verdicts)
    return found.select_related("instance__series__study", "worker__pool", "request__pool").order_by("-pk")


def request_counts() -> dict[str, int]:
    """How many requests each tab has."""
    rows = dict(AIRequest.objects.order_by().values_list("state").annotate(count=Count("pk")))
    return {tab: sum(rows.get(state, 0) for state in states) for tab, states in REQUEST_TABS.items()}


def result_counts() -> dict[str, int]:
    """How many results each tab has."""
    rows = dict(AIResult.objects.order_by().values_list("verdict").annotate(count=Count("pk")))
    return {tab: sum(rows.get(verdict, 0) for verdict in verdicts) for tab, verdicts in RESULT_TABS.items()}


def requests_of(study: Study) -> QuerySet[AIRequest]:
    """A study's requests, the oldest first."""
    return AIRequest.objects.filter(study=study).select_related("pool", "worker").order_by("pk")


def results_of(study: Study) -> QuerySet[AIResult]:
    """Results that came in under a study, the oldest first."""
    found = AIResult.objects.filter(instance__series__study=study)
    return found.select_related("instance", "worker").order_by("pk")
