"""Reads of storage commitment that pages, API and metrics share."""

from django.db.models import Count, F, QuerySet

from studies.commitments.models import Commitment, CommitmentItem, CommitmentState


def commitments(state: str = "") -> QuerySet[Commitment]:
    """Requests, newest first; only those in one state when it is given."""
    found = Commitment.objects.order_by("-pk")
    return found.filter(state=state) if state else found


def counts_by_state() -> dict[str, int]:
    """How many requests stand where; states without any are zero."""
    found = dict(Commitment.objects.order_by().values_list("state").annotate(count=Count("pk")))
    return {state.value: found.get(state.value, 0) for state in CommitmentState}


def items_of(commitment: Commitment) -> QuerySet[CommitmentItem]:
    """The instances of a request: those that are not committed first, else in the order of the request."""
    return commitment.items.order_by(F("failure_reason").desc(nulls_last=True), "pk")


def unreported() -> QuerySet[Commitment]:
    """Verdicts whose device never took them: somebody should look at why."""
    return Commitment.objects.filter(state=CommitmentState.FAILED)
