"""C-STORE as provider: from the wire to the archive's sink, and back as a response (PS3.4 Annex B, PS3.7 9.1.1)."""

import logging
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from prometheus_client import Counter
from typing_extensions import Buffer

from dicomnet.metrics import STORED_BYTES, STORES
from dicomnet.scp.association import AcceptedAssociation
from dicomnet.services import StoreAnswer, StoreRequest, StoreSink, services_for
from dicomnet.statuses import StoreStatus, is_stored
from dicomnet.wire import pdu

logger = logging.getLogger(__name__)
Result = TypeVar("Result")
ERROR_COMMENT_LENGTH = 64  # VR LO
MAXIMUM_UID_BYTES = 64
INTERNAL_ERROR = StoreAnswer(StoreStatus.PROCESSING_FAILURE, "internal error, see the gateway's log")
NO_DATA_SET = StoreAnswer(StoreStatus.CANNOT_UNDERSTAND, "the request has no data set")


class IncomingInstance:
    """One instance on its way to the archive; whatever goes wrong is answered with a status, never with success."""

    def __init__(self, assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes]) -> None:
        self._assoc = assoc
        self._context_id = context_id
        self._command = command
        self._size_bytes = 0
        self._sink: StoreSink | None = None
        self._answer: StoreAnswer | None = None  # known before the data set is whole
        self._attempt(self._begin)

    def write(self, *pieces: Buffer) -> None:
        """Take the next bytes of the data set; they are dropped when it is refused already."""
        self._size_bytes += sum(memoryview(piece).nbytes for piece in pieces)
        if self._sink is not None and self._answer is None:
            self._attempt(self._sink.write, *pieces)

    def finish(self) -> bytes:
        """The C-STORE response; success only when the archive has made it durable."""
        if self._answer is None and self._sink is not None:
            self._answer = self._attempt(self._sink.commit)
        self.discard()
        answer = self._answer or INTERNAL_ERROR
        account(self._assoc, answer, self._size_bytes)
        return store_response(self._assoc, self._context_id, self._command, answer)

    def discard(self) -> None:
        """Leave nothing behind of what was not committed."""
        sink, self._sink = self._sink, None
        if sink is not None:
            self._attempt(sink.discard)

    def _begin(self) -> None:
        self._answer = refusal(self._assoc, self._command)
        services = services_for(self._assoc.record.called_ae_title)
        if self._answer is None and services is not None:
            self._sink = services.open_store(self._request())

    def _request(self) -> StoreRequest:
        record = self._assoc.record
        return StoreRequest(
            sop_class_uid=pdu.decode_uid(self._command[pdu.AFFECTED_SOP_CLASS_UID]),
            sop_instance_uid=pdu.decode_uid(self._command[pdu.AFFECTED_SOP_INSTANCE_UID]),
            transfer_syntax_uid=self._assoc.transfer_syntax(self._context_id) or "",
            calling_ae_title=record.calling_ae_title,
            called_ae_title=record.called_ae_title,
            source_address=self._assoc.connection.address,
        )

    def _attempt(self, action: Callable[..., Result], *arguments: Any) -> Result | None:
        try:
            return action(*arguments)
        except Exception:
            # The handler's boundary: an error of ours must not end the association or be taken for the sender's.
            logger.exception("C-STORE failed")
            self._answer = INTERNAL_ERROR
            return None


def refusal(assoc: AcceptedAssociation, command: dict[int, bytes]) -> StoreAnswer | None:
    """Why an instance is not taken whatever its data set; None when it may come."""
    rights = assoc.record.rights
    if not rights.may_store:
        return StoreAnswer(StoreStatus.NOT_AUTHORISED, "this AE title may not store here")
    for element, name in (
        (pdu.AFFECTED_SOP_CLASS_UID, "Affected SOP Class UID"),
        (pdu.AFFECTED_SOP_INSTANCE_UID, "Affected SOP Instance UID"),
    ):
        value = command.get(element, b"").rstrip(b"\0 ")
        if not value or len(value) > MAXIMUM_UID_BYTES or not value.isascii():
            return StoreAnswer(StoreStatus.CANNOT_UNDERSTAND, f"the request's {name} is missing or no UID")
    if not rights.may_store_class(pdu.decode_uid(command[pdu.AFFECTED_SOP_CLASS_UID])):
        return StoreAnswer(StoreStatus.NOT_AUTHORISED, "this AE title may not store this SOP Class here")
    return None


def account(assoc: AcceptedAssociation, answer: StoreAnswer, size_bytes: int) -> None:
    """Count one request for the association's log line and the metrics; a refusal has a log line of its own."""
    status = f"0x{answer.status:04X}"
    assoc.record.statuses[status] += 1
    _count_of(status).inc()
    if is_stored(answer.status):
        assoc.record.bytes_received += size_bytes
        STORED_BYTES.inc(size_bytes)
    else:
        logger.warning("instance refused", extra={"status": status, "reason": answer.comment})


@cache
def _count_of(status: str) -> Counter:
    return STORES.labels(status=status)


def store_response(
    assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes], answer: StoreAnswer
) -> bytes:
    """The C-STORE response with Error Comment and Offending Element (PS3.7 9.3.1.2, C.4.2)."""
    elements = [
        (pdu.AFFECTED_SOP_CLASS_UID, command.get(pdu.AFFECTED_SOP_CLASS_UID, b"")[:MAXIMUM_UID_BYTES]),
        (pdu.COMMAND_FIELD, pdu.C_STORE_RSP),
        (pdu.MESSAGE_ID_BEING_RESPONDED_TO, command[pdu.MESSAGE_ID]),
        (pdu.COMMAND_DATA_SET_TYPE, pdu.NO_DATA_SET),
        (pdu.STATUS, pdu.encode_us(answer.status)),
    ]
    if answer.offending_element is not None:
        tag = answer.offending_element
        elements.append((pdu.OFFENDING_ELEMENT, pdu.encode_us(tag >> 16) + pdu.encode_us(tag & 0xFFFF)))
    if answer.comment:
        comment = answer.comment[:ERROR_COMMENT_LENGTH].encode("ascii", "replace")
        elements.append((pdu.ERROR_COMMENT, comment + b" " * (len(comment) % 2)))
    elements.append(
        (pdu.AFFECTED_SOP_INSTANCE_UID, command.get(pdu.AFFECTED_SOP_INSTANCE_UID, b"")[:MAXIMUM_UID_BYTES])
    )
    return assoc.response(context_id, elements)
