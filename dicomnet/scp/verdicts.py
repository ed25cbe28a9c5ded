"""Storage commitment as user, called back: from an N-EVENT-REPORT to who asked (PS3.4 J.3.3, PS3.7 10.1.1)."""

import logging
from io import BytesIO
from typing import cast

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom import evt
from pynetdicom.dimse_primitives import N_EVENT_REPORT

from dicomnet.commitment import (
    ALL_COMMITTED,
    FAILURES_EXIST,
    PUSH_MODEL_INSTANCE,
    EventAnswer,
    EventStatus,
    MalformedRequest,
    decode_information,
    read_event_information,
)
from dicomnet.scp.association import AcceptedAssociation
from dicomnet.scp.commitment import ERROR_COMMENT_LENGTH, MAXIMUM_REQUEST_BYTES
from dicomnet.services import services_for

logger = logging.getLogger(__name__)


def on_n_event_report(event: evt.Event) -> tuple[Dataset, None]:
    """Take a verdict; success is answered only when it is recorded, so that the provider else says it again."""
    assoc, request = cast(AcceptedAssociation, event.assoc), cast(N_EVENT_REPORT, event.request)
    try:
        answer = take_verdict(assoc, request, UID(event.context.transfer_syntax))
    except MalformedRequest as error:
        answer = EventAnswer(EventStatus.INVALID_ARGUMENT, str(error))
    except Exception:
        # The handler's boundary: an error of ours must not end the association or be taken for a receipt.
        logger.exception("N-EVENT-REPORT failed")
        answer = EventAnswer(EventStatus.PROCESSING_FAILURE, "internal error, see the gateway's log")
    assoc.record.statuses[f"verdict 0x{answer.status:04X}"] += 1
    if answer.status != EventStatus.SUCCESS:
        logger.warning(
            "storage commitment report refused", extra={"status": f"0x{answer.status:04X}", "reason": answer.comment}
        )
    ds = Dataset()
    ds.Status = int(answer.status)
    if answer.comment:
        ds.ErrorComment = answer.comment[:ERROR_COMMENT_LENGTH]
    return ds, None


def take_verdict(assoc: AcceptedAssociation, request: N_EVENT_REPORT, transfer_syntax: UID) -> EventAnswer:
    """Read the report and have whoever asked record it.

    Raises:
        MalformedRequest: the Event Information cannot be read.
    """
    if request.AffectedSOPInstanceUID != PUSH_MODEL_INSTANCE:
        return EventAnswer(EventStatus.NO_SUCH_INSTANCE, "not the Storage Commitment Push Model SOP Instance")
    if request.EventTypeID not in {ALL_COMMITTED, FAILURES_EXIST}:
        return EventAnswer(EventStatus.NO_SUCH_EVENT_TYPE, "Event Type ID is neither 1 nor 2")
    information: BytesIO | None = request.EventInformation
    services = services_for(assoc.record.called_ae_title)
    if information is None or services is None:
        raise MalformedRequest("the report has no Event Information")
    if information.getbuffer().nbytes > MAXIMUM_REQUEST_BYTES:
        return EventAnswer(EventStatus.RESOURCE_LIMITATION, "the report is too long")
    return services.take_verdict(read_event_information(decode_information(information, transfer_syntax)))
