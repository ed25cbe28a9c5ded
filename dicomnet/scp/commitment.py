"""Storage commitment as provider: from pynetdicom's N-ACTION to the archive's promise (PS3.4 J.3.2, PS3.7 10.1.4)."""

import logging
from io import BytesIO
from typing import cast

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.dimse_primitives import N_ACTION

from dicomnet.commitment import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST_ACTION,
    ActionStatus,
    CommitmentAnswer,
    CommitmentRequest,
    MalformedRequest,
    decode_information,
    read_action_information,
)
from dicomnet.scp.association import AcceptedAssociation
from dicomnet.scp.reports import watch
from dicomnet.services import services_for

logger = logging.getLogger(__name__)
ERROR_COMMENT_LENGTH = 64  # VR LO
MAXIMUM_REQUEST_BYTES = 8 << 20  # some 50,000 references


def on_n_action(event: evt.Event) -> tuple[Dataset, None]:
    """Take a request for storage commitment; what cannot be kept durably is refused, never promised."""
    assoc, request = cast(AcceptedAssociation, event.assoc), cast(N_ACTION, event.request)
    try:
        answer = request_commitment(assoc, request, UID(event.context.transfer_syntax))
    except MalformedRequest as error:
        answer = CommitmentAnswer(ActionStatus.INVALID_ARGUMENT, str(error))
    except Exception:
        # The handler's boundary: an error of ours must not end the association or be taken for a promise.
        logger.exception("N-ACTION failed")
        answer = CommitmentAnswer(ActionStatus.PROCESSING_FAILURE, "internal error, see the gateway's log")
    assoc.record.statuses[f"commit 0x{answer.status:04X}"] += 1
    if answer.status != ActionStatus.SUCCESS:
        logger.warning(
            "storage commitment refused", extra={"status": f"0x{answer.status:04X}", "reason": answer.comment}
        )
    return _response(answer), None


def request_commitment(assoc: AcceptedAssociation, request: N_ACTION, transfer_syntax: UID) -> CommitmentAnswer:
    """Check who asks and for what, and have the archive keep the request.

    Raises:
        MalformedRequest: the Action Information cannot be read.
    """
    if not assoc.record.rights.may_commit:
        return CommitmentAnswer(ActionStatus.NOT_AUTHORISED, "the allowlist does not let this caller ask for it")
    if request.RequestedSOPClassUID != PUSH_MODEL or request.RequestedSOPInstanceUID != PUSH_MODEL_INSTANCE:
        return CommitmentAnswer(ActionStatus.NO_SUCH_INSTANCE, "not the Storage Commitment Push Model SOP Instance")
    if request.ActionTypeID != REQUEST_ACTION:
        return CommitmentAnswer(ActionStatus.NO_SUCH_ACTION, "Action Type ID is not 1, request storage commitment")
    information: BytesIO | None = request.ActionInformation
    services = services_for(assoc.record.called_ae_title)
    if information is None or services is None:
        raise MalformedRequest("the request has no Action Information")
    if information.getbuffer().nbytes > MAXIMUM_REQUEST_BYTES:
        return CommitmentAnswer(ActionStatus.RESOURCE_LIMITATION, "too many references, ask in smaller parts")
    transaction_uid, references = read_action_information(decode_information(information, transfer_syntax))
    answer = services.request_commitment(
        CommitmentRequest(
            transaction_uid=transaction_uid,
            references=references,
            calling_ae_title=assoc.record.calling_ae_title,
            called_ae_title=assoc.record.called_ae_title,
            source_address=assoc.connection.address,
            association=assoc.record.token,
        )
    )
    if answer.status == ActionStatus.SUCCESS:
        watch(assoc, services)
    return answer


def _response(answer: CommitmentAnswer) -> Dataset:
    ds = Dataset()
    ds.Status = int(answer.status)
    if answer.comment:
        ds.ErrorComment = answer.comment[:ERROR_COMMENT_LENGTH]
    return ds
