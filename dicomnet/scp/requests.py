"""Which request goes where: instances and queries to the archive, C-ECHO answered at once, the rest to pynetdicom.

The requests are those of PS3.7 9 and 10.
"""

from collections.abc import Callable, Sequence
from typing import Any

from pynetdicom import evt
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from typing_extensions import Buffer

from dicomnet.find import FIND_MODELS, FindStatus
from dicomnet.scp.association import AcceptedAssociation, status_response
from dicomnet.scp.find import IncomingQuery, final_response
from dicomnet.scp.retrieve import IncomingRetrieval, is_retrieval, refuse_without_identifier
from dicomnet.scp.store import NO_DATA_SET, IncomingInstance, account, refusal, store_response
from dicomnet.sop_classes import is_storage
from dicomnet.statuses import StoreStatus
from dicomnet.wire import pdu
from dicomnet.wire.operations import UNEXPECTED_PDU, Incoming, ProtocolError

Handler = tuple[Any, Callable[..., Any], list[Any]]
UNRECOGNISED_OPERATION = 0x0211
RESPONSE_BIT = 0x80  # of the Command Field's high byte

# Command Field of the requests that pynetdicom serves once a handler is bound to their event.
EVENTS = {
    0x0010: evt.EVT_C_GET,
    0x0020: evt.EVT_C_FIND,
    0x0021: evt.EVT_C_MOVE,
    0x0100: evt.EVT_N_EVENT_REPORT,
    0x0110: evt.EVT_N_GET,
    0x0120: evt.EVT_N_SET,
    0x0130: evt.EVT_N_ACTION,
    0x0140: evt.EVT_N_CREATE,
    0x0150: evt.EVT_N_DELETE,
}


def begin(
    assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes], handlers: Sequence[Handler]
) -> Incoming | bytes | None:
    """Begin on a request (dicomnet.wire.receive.Operations).

    Raises:
        ProtocolError: its presentation context was not accepted, or it has no Message ID to answer to.
    """
    if assoc.transfer_syntax(context_id) is None:
        raise ProtocolError("a message in a presentation context that was not accepted")
    field = command[pdu.COMMAND_FIELD]
    if field[1] & RESPONSE_BIT:
        return None
    if len(command.get(pdu.MESSAGE_ID, b"")) != 2:
        raise ProtocolError("a request without Message ID", UNEXPECTED_PDU)
    has_data_set = command[pdu.COMMAND_DATA_SET_TYPE] != pdu.NO_DATA_SET
    answer_of = _service_of(assoc, context_id, field)
    if answer_of is not None:
        return answer_of(assoc, context_id, command, has_data_set)
    if field == pdu.C_ECHO_RQ and not has_data_set:
        return echo(assoc, context_id, command)
    event = EVENTS.get(int.from_bytes(field, "little"))
    is_bound = event is not None and any(bound == event for bound, _, _ in handlers)
    # pynetdicom ends an association on which a request comes in a context of another service.
    sop_class = assoc.abstract_syntax(context_id)
    if is_bound and sop_class != Verification and not is_storage(sop_class):
        return None
    assoc.record.statuses[f"0x{UNRECOGNISED_OPERATION:04X}"] += 1
    answered = status_response(assoc, context_id, command, UNRECOGNISED_OPERATION)
    return Dropped(answered) if has_data_set else answered


Service = Callable[[AcceptedAssociation, int, dict[int, bytes], bool], Incoming | bytes]


def _service_of(assoc: AcceptedAssociation, context_id: int, field: bytes) -> Service | None:
    """The service of ours whose request this is, in a presentation context of its kind; None when there is none."""
    if field == pdu.C_STORE_RQ:
        return _store
    if field == pdu.C_FIND_RQ and assoc.abstract_syntax(context_id) in FIND_MODELS:
        return _find
    return _retrieve if is_retrieval(assoc, context_id, field) else None


def _store(
    assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes], has_data_set: bool
) -> Incoming | bytes:
    if has_data_set:
        return IncomingInstance(assoc, context_id, command)
    answer = refusal(assoc, command) or NO_DATA_SET
    account(assoc, answer, 0)
    return store_response(assoc, context_id, command, answer)


def _find(
    assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes], has_data_set: bool
) -> Incoming | bytes:
    if has_data_set:
        return IncomingQuery(assoc, context_id, command)
    words = "the request has no identifier"
    return final_response(assoc, context_id, command, FindStatus.IDENTIFIER_MISMATCH, words)


def _retrieve(
    assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes], has_data_set: bool
) -> Incoming | bytes:
    if has_data_set:
        return IncomingRetrieval(assoc, context_id, command)
    return refuse_without_identifier(assoc, context_id, command)


def echo(assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes]) -> bytes:
    """Answer a sign of life, where the allowlist lets it (PS3.4 Annex A)."""
    status = StoreStatus.SUCCESS if assoc.record.rights.may_echo else StoreStatus.NOT_AUTHORISED
    assoc.record.statuses[f"echo 0x{status:04X}"] += 1
    return status_response(assoc, context_id, command, status)


class Dropped:
    """The data set of a request that nobody serves."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def write(self, *pieces: Buffer) -> None:
        """Drop it."""

    def finish(self) -> bytes:
        """Say that nobody serves the request."""
        return self._answer

    def discard(self) -> None:
        """There is nothing to leave behind."""
