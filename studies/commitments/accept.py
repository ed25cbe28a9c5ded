"""Keep a request for storage commitment: in rows, before it is answered (PS3.4 J.3.2)."""

import logging
from datetime import timedelta

from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from dicomnet.commitment import ActionStatus, CommitmentAnswer, CommitmentRequest, FailureReason, Reference
from studies.admission import is_uid
from studies.commitments.models import Commitment, CommitmentItem, CommitmentState

logger = logging.getLogger(__name__)
MAXIMUM_REFERENCES = 50_000
MAXIMUM_OPEN_REQUESTS = 1_000  # of one AE title, not yet verified
ASSOCIATION_SECONDS = 15


def accept(request: CommitmentRequest) -> CommitmentAnswer:
    """Write the request down, and answer what may be told to who asked: success only once it is committed."""
    problem = _problem(request)
    if problem is not None:
        return problem
    try:
        try:
            return _write(request)
        except IntegrityError:
            return _write(request)  # the same request came twice at once: now the other one is there to be seen
    except DatabaseError as error:
        logger.error("storage commitment not taken, the database fails", extra={"error": type(error).__name__})
        return CommitmentAnswer(ActionStatus.PROCESSING_FAILURE, "cannot keep the request now, ask again later")


def _problem(request: CommitmentRequest) -> CommitmentAnswer | None:
    if len(request.references) > MAXIMUM_REFERENCES:
        words = f"more than {MAXIMUM_REFERENCES} references, ask in smaller parts"
        return CommitmentAnswer(ActionStatus.RESOURCE_LIMITATION, words)
    if not is_uid(request.transaction_uid):
        return CommitmentAnswer(ActionStatus.INVALID_ARGUMENT, "Transaction UID (0008,1195) is no UID")
    if not all(is_uid(item.sop_class_uid) and is_uid(item.sop_instance_uid) for item in request.references):
        return CommitmentAnswer(ActionStatus.INVALID_ARGUMENT, "a reference's class or instance is no UID")
    return None


@transaction.atomic
def _write(request: CommitmentRequest) -> CommitmentAnswer:
    of_caller = Commitment.objects.filter(calling_ae_title=request.calling_ae_title)
    if of_caller.filter(state=CommitmentState.VERIFYING).count() >= MAXIMUM_OPEN_REQUESTS:
        return CommitmentAnswer(ActionStatus.RESOURCE_LIMITATION, "too many requests of yours are being verified")
    earlier = of_caller.filter(transaction_uid=request.transaction_uid, is_duplicate=False).first()
    if earlier is None:
        _create(request)
    elif _references(earlier) == set(request.references):
        _ask_again(earlier, request)
    else:
        _create_duplicate(request)
    return CommitmentAnswer(ActionStatus.SUCCESS)


def _references(commitment: Commitment) -> set[Reference]:
    return {Reference(*pair) for pair in commitment.items.values_list("sop_class_uid", "sop_instance_uid")}


def _create(request: CommitmentRequest) -> None:
    commitment = Commitment.objects.create(
        transaction_uid=request.transaction_uid,
        calling_ae_title=request.calling_ae_title,
        called_ae_title=request.called_ae_title,
        source_address=request.source_address,
        instance_count=len(request.references),
        **_association(request),
    )
    CommitmentItem.objects.bulk_create(
        [CommitmentItem(commitment=commitment, **vars(reference)) for reference in request.references],
        batch_size=1_000,
    )


def _create_duplicate(request: CommitmentRequest) -> None:
    """A Transaction UID in use for other instances: the verdict stands at once (PS3.3 C.14.1.1)."""
    commitment = Commitment.objects.create(
        transaction_uid=request.transaction_uid,
        calling_ae_title=request.calling_ae_title,
        called_ae_title=request.called_ae_title,
        source_address=request.source_address,
        instance_count=len(request.references),
        failed_count=len(request.references),
        state=CommitmentState.REPORTING,
        is_duplicate=True,
        verified_at=timezone.now(),
        report_since=timezone.now(),
        **_association(request),
    )
    reason = FailureReason.DUPLICATE_TRANSACTION
    CommitmentItem.objects.bulk_create(
        [
            CommitmentItem(commitment=commitment, is_checked=True, failure_reason=reason, **vars(reference))
            for reference in request.references
        ],
        batch_size=1_000,
    )
    logger.warning("transaction UID of a storage commitment is in use", extra={"commitment": commitment.pk})


def _ask_again(earlier: Commitment, request: CommitmentRequest) -> None:
    """The device has not heard of it: what was reported is verified and reported anew, what is under way goes on."""
    now = timezone.now()
    same = Commitment.objects.filter(pk=earlier.pk)
    same.update(source_address=request.source_address, called_ae_title=request.called_ae_title, **_association(request))
    is_anew = same.filter(state__in=[CommitmentState.REPORTED, CommitmentState.FAILED]).update(
        state=CommitmentState.VERIFYING,
        requested_at=now,
        verified_at=None,
        report_since=None,
        reported_at=None,
        failed_count=None,
        attempts=0,
        next_attempt_at=now,
        last_error="",
        lease_token="",
        lease_until=None,
    )
    if is_anew:
        earlier.items.update(is_checked=False, failure_reason=None)
    same.filter(state=CommitmentState.REPORTING).update(next_attempt_at=now)


def _association(request: CommitmentRequest) -> dict[str, object]:
    until = timezone.now() + timedelta(seconds=ASSOCIATION_SECONDS) if request.association else None
    return {"association": request.association, "association_until": until}
