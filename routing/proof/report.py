"""A destination's report on storage commitment, on whichever association it comes (PS3.4 J.3.3)."""

from dicomnet.commitment import EventAnswer, EventStatus, Verdict
from dicomnet.statuses import in_words
from routing.models import ProofRequest
from routing.proof.settle import settle


def take_verdict(verdict: Verdict) -> EventAnswer:
    """Record a verdict before it is answered; the same again, for the answer got lost, changes nothing."""
    request = ProofRequest.objects.filter(transaction_uid=verdict.transaction_uid).first()
    if request is None:
        return EventAnswer(EventStatus.INVALID_ARGUMENT, "no request has this Transaction UID")
    settle(
        request,
        kept=[reference.sop_instance_uid for reference in verdict.committed],
        failed={reference.sop_instance_uid: in_words(reason) for reference, reason in verdict.failed},
    )
    return EventAnswer(EventStatus.SUCCESS)
