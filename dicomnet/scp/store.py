"""C-STORE as provider: from pynetdicom's message to the archive's sink (PS3.4 Annex B, PS3.7 9.1.1)."""

import logging

from pydicom.dataset import Dataset
from pynetdicom import evt

from dicomnet.metrics import STORED_BYTES, STORES
from dicomnet.scp.association import AcceptedAssociation
from dicomnet.services import StoreAnswer, StoreRequest, services_for
from dicomnet.statuses import StoreStatus, is_stored

logger = logging.getLogger(__name__)
ERROR_COMMENT_LENGTH = 64  # VR LO


def on_c_store(event: evt.Event) -> Dataset:
    """Store one instance; whatever goes wrong is answered with a status, and never with success."""
    assoc: AcceptedAssociation = event.assoc
    try:
        answer = store(event, assoc)
    except Exception:
        # The handler's boundary: an error of ours must not end the association or be taken for the sender's.
        logger.exception("C-STORE failed")
        answer = StoreAnswer(StoreStatus.PROCESSING_FAILURE, "internal error, see the gateway's log")
    account(assoc, answer, event.request.DataSet)
    return response(answer)


def store(event: evt.Event, assoc: AcceptedAssociation) -> StoreAnswer:
    """Hand the data set's bytes, as received, to the archive behind the called AE title."""
    if not assoc.record.rights.may_store:
        return StoreAnswer(StoreStatus.NOT_AUTHORISED, "this AE title may not store here")
    called = assoc.requestor.primitive.called_ae_title.strip()
    services = services_for(called)
    if services is None or event.request.DataSet is None:
        return StoreAnswer(StoreStatus.CANNOT_UNDERSTAND, "the request has no data set")
    sink = services.open_store(
        StoreRequest(
            sop_class_uid=str(event.request.AffectedSOPClassUID or ""),
            sop_instance_uid=str(event.request.AffectedSOPInstanceUID or ""),
            transfer_syntax_uid=str(event.context.transfer_syntax),
            calling_ae_title=assoc.requestor.primitive.calling_ae_title.strip(),
            called_ae_title=called,
            source_address=assoc.requestor.address,
        )
    )
    try:
        sink.write(event.request.DataSet.getbuffer())
        return sink.commit()
    except BaseException:
        sink.discard()
        raise


def account(assoc: AcceptedAssociation, answer: StoreAnswer, data_set: object) -> None:
    """Count one request for the association's log line and the metrics; a refusal has a log line of its own."""
    status = f"0x{answer.status:04X}"
    assoc.record.statuses[status] += 1
    STORES.labels(status=status).inc()
    if is_stored(answer.status):
        size = len(data_set.getbuffer()) if hasattr(data_set, "getbuffer") else 0
        assoc.record.bytes_received += size
        STORED_BYTES.inc(size)
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
