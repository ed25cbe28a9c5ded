"""C-STORE as provider: from pynetdicom's message to the archive's sink (PS3.4 Annex B, PS3.7 9.1.1)."""

import logging
from typing import cast

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_STORE

from dicomnet.metrics import STORED_BYTES, STORES
from dicomnet.scp.association import AcceptedAssociation, source_address
from dicomnet.services import StoreAnswer, StoreRequest, services_for
from dicomnet.statuses import StoreStatus, is_stored

logger = logging.getLogger(__name__)
ERROR_COMMENT_LENGTH = 64  # VR LO


def on_c_store(event: evt.Event) -> Dataset:
    """Store one instance; whatever goes wrong is answered with a status, and never with success."""
    assoc, request = cast(AcceptedAssociation, event.assoc), cast(C_STORE, event.request)
    try:
        answer = store(assoc, request, str(event.context.transfer_syntax))
    except Exception:
        # The handler's boundary: an error of ours must not end the association or be taken for the sender's.
        logger.exception("C-STORE failed")
        answer = StoreAnswer(StoreStatus.PROCESSING_FAILURE, "internal error, see the gateway's log")
    account(assoc, answer, len(request.DataSet.getbuffer()) if request.DataSet else 0)
    return response(answer)


def store(assoc: AcceptedAssociation, request: C_STORE, transfer_syntax_uid: str) -> StoreAnswer:
    """Hand the data set's bytes, as received, to the archive behind the called AE title."""
    if not assoc.record.rights.may_store:
        return StoreAnswer(StoreStatus.NOT_AUTHORISED, "this AE title may not store here")
    services = services_for(assoc.record.called_ae_title)
    if services is None or request.DataSet is None:
        return StoreAnswer(StoreStatus.CANNOT_UNDERSTAND, "the request has no data set")
    sink = services.open_store(
        StoreRequest(
            sop_class_uid=str(request.AffectedSOPClassUID or ""),
            sop_instance_uid=str(request.AffectedSOPInstanceUID or ""),
            transfer_syntax_uid=transfer_syntax_uid,
            calling_ae_title=assoc.record.calling_ae_title,
            called_ae_title=assoc.record.called_ae_title,
            source_address=source_address(assoc),
        )
    )
    try:
        sink.write(request.DataSet.getbuffer())
        return sink.commit()
    finally:
        sink.discard()


def account(assoc: AcceptedAssociation, answer: StoreAnswer, size_bytes: int) -> None:
    """Count one request for the association's log line and the metrics; a refusal has a log line of its own."""
    status = f"0x{answer.status:04X}"
    assoc.record.statuses[status] += 1
    STORES.labels(status=status).inc()
    if is_stored(answer.status):
        assoc.record.bytes_received += size_bytes
        STORED_BYTES.inc(size_bytes)
    else:
        logger.warning("instance refused", extra={"status": status, "reason": answer.comment})


def response(answer: StoreAnswer) -> Dataset:
    """Status, Error Comment and Offending Element as pynetdicom takes them (PS3.7 C.4.2)."""
    ds = Dataset()
    ds.Status = int(answer.status)
    if answer.comment:
        ds.ErrorComment = answer.comment[:ERROR_COMMENT_LENGTH]
    if answer.offending_element is not None:
        ds.OffendingElement = [answer.offending_element]
    return ds
