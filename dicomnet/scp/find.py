"""C-FIND as provider: the identifier off the wire, the matches on it, with C-CANCEL heeded between (PS3.4 C.4.1.3)."""

import logging
from collections.abc import Iterator, Sequence

from typing_extensions import Buffer

from dicomnet.find import FindFailed, FindRequest, FindStatus, Matches, agreed
from dicomnet.metrics import FINDS
from dicomnet.scp.association import AcceptedAssociation
from dicomnet.services import services_for
from dicomnet.wire import pdu
from dicomnet.wire.receive import MAXIMUM_PDU_BYTES

logger = logging.getLogger(__name__)
ERROR_COMMENT_LENGTH = 64  # VR LO
MAXIMUM_IDENTIFIER_BYTES = 1 << 20  # ten thousand UIDs fit
GATHERED = 100  # responses in one write, between which a C-CANCEL is looked for


class IncomingQuery:
    """One C-FIND request on its way; it is served when its identifier is whole."""

    def __init__(self, assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes]) -> None:
        self._assoc = assoc
        self._context_id = context_id
        self._command = command
        self._message_id = int.from_bytes(command[pdu.MESSAGE_ID], "little")
        self._identifier = bytearray()
        self._is_too_long = False
        assoc.forget_cancel(self._message_id)  # one that came for an earlier request of this number

    def write(self, *pieces: Buffer) -> None:
        """Take the next bytes of the identifier."""
        for piece in pieces:
            if len(self._identifier) + memoryview(piece).nbytes > MAXIMUM_IDENTIFIER_BYTES:
                self._is_too_long = True
            else:
                self._identifier += piece

    def finish(self) -> None:
        """It is whole: have it served next."""
        self._assoc.serve_next(self.serve)

    def discard(self) -> None:
        """There is nothing to leave behind."""

    def serve(self) -> None:
        """Send all responses; whatever goes wrong is a status."""
        status, comment, offending = FindStatus.SUCCESS, "", None
        try:
            matches = self._matches()
            status = self._send(matches)
        except FindFailed as failed:
            status, comment, offending = failed.status, str(failed), failed.offending_element
        except Exception:
            # The handler's boundary: an error of ours must not end the association or be taken for the end of a list.
            logger.exception("C-FIND failed")
            status, comment = FindStatus.UNABLE_TO_PROCESS, "internal error, see the gateway's log"
        self._account(status, comment)
        self._assoc.send(final_response(self._assoc, self._context_id, self._command, status, comment, offending))

    def _matches(self) -> Matches:
        record = self._assoc.record
        if not record.rights.may_find:
            raise FindFailed(FindStatus.NOT_AUTHORISED, "this AE title may not search here")
        if self._is_too_long:
            raise FindFailed(FindStatus.OUT_OF_RESOURCES, "the identifier is too long, ask in smaller parts")
        services = services_for(record.called_ae_title)
        if services is None:
            raise FindFailed(FindStatus.UNABLE_TO_PROCESS, "nobody answers to this AE title any more")
        model = str(self._assoc.abstract_syntax(self._context_id))
        return services.find(
            FindRequest(
                sop_class_uid=model,
                identifier=bytes(self._identifier),
                transfer_syntax_uid=self._assoc.transfer_syntax(self._context_id) or "",
                options=agreed(model, self._assoc.requestor.sop_class_extended, services.find_options()),
                calling_ae_title=record.calling_ae_title,
                called_ae_title=record.called_ae_title,
                source_address=self._assoc.connection.address,
            )
        )

    def _send(self, matches: Matches) -> FindStatus:
        status = FindStatus.PENDING_WITHOUT_SOME_KEYS if matches.ignores_keys else FindStatus.PENDING
        wrap = _Envelope(self._assoc, self._context_id, self._command, status)
        for identifiers in _gathered(matches):
            if not self._assoc.wants_more(self._message_id):
                return FindStatus.CANCELLED
            if identifiers and not self._assoc.send(wrap(identifiers)):
                return FindStatus.CANCELLED
        return FindStatus.SUCCESS if self._assoc.wants_more(self._message_id) else FindStatus.CANCELLED

    def _account(self, status: FindStatus, comment: str) -> None:
        words = f"0x{status:04X}"
        self._assoc.record.statuses[f"find {words}"] += 1
        FINDS.labels(status=words).inc()
        if comment:
            logger.warning("query not answered", extra={"status": words, "reason": comment})


class _Envelope:
    """Puts identifiers into pending responses; their command set is the same for all of one request."""

    def __init__(
        self, assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes], status: FindStatus
    ) -> None:
        self._context_id = context_id
        self._limit = pdu.fragment_limit(assoc.requestor.maximum_length or 0, MAXIMUM_PDU_BYTES)
        self._command = assoc.response(context_id, _elements(command, status, pdu.HAS_DATA_SET))

    def __call__(self, identifiers: Sequence[bytes]) -> bytes:
        """The PDUs of one pending response for each."""
        out: list[bytes] = []
        for identifier in identifiers:
            if len(identifier) <= self._limit:
                out += self._command, pdu.fragment_header(self._context_id, len(identifier), pdu.IS_LAST), identifier
            else:
                out += self._command, pdu.split(self._context_id, identifier, 0, self._limit)
        return b"".join(out)


def _gathered(matches: Matches) -> Iterator[Sequence[bytes]]:
    for page in matches:
        # An empty page goes on as well: nothing is ready yet, but a C-CANCEL may have come.
        for start in range(0, max(1, len(page)), GATHERED):
            yield page[start : start + GATHERED]


def _elements(command: dict[int, bytes], status: FindStatus, data_set_type: bytes) -> list[tuple[int, bytes]]:
    return [
        (pdu.AFFECTED_SOP_CLASS_UID, command.get(pdu.AFFECTED_SOP_CLASS_UID, b"")[:64]),
        (pdu.COMMAND_FIELD, pdu.C_FIND_RSP),
        (pdu.MESSAGE_ID_BEING_RESPONDED_TO, command[pdu.MESSAGE_ID]),
        (pdu.COMMAND_DATA_SET_TYPE, data_set_type),
        (pdu.STATUS, pdu.encode_us(status)),
    ]


def final_response(
    assoc: AcceptedAssociation,
    context_id: int,
    command: dict[int, bytes],
    status: FindStatus,
    comment: str = "",
    offending_element: int | None = None,
) -> bytes:
    """The last C-FIND response, with Offending Element and Error Comment (PS3.7 9.3.2.2, C.4.2)."""
    elements = _elements(command, status, pdu.NO_DATA_SET)
    if offending_element is not None:
        tag = pdu.encode_us(offending_element >> 16) + pdu.encode_us(offending_element & 0xFFFF)
        elements.append((pdu.OFFENDING_ELEMENT, tag))
    if comment:
        words = comment[:ERROR_COMMENT_LENGTH].encode("ascii", "replace")
        elements.append((pdu.ERROR_COMMENT, words + b" " * (len(words) % 2)))
    return assoc.response(context_id, elements)
