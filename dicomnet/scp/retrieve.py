"""C-GET and C-MOVE as provider: who asks for what, the sub-operations, and what is answered (PS3.4 C.4.2, C.4.3, Y).

Everything is done by the association's own thread: it sends the instances, over this association or over one that it
opens to the Move Destination, and between two of them it listens for a cancel and says how far it has come.
"""

import logging
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.dsutils import decode
from typing_extensions import Buffer

from dicomnet.metrics import RETRIEVES
from dicomnet.retrieval import (
    RETRIEVE_CLASSES,
    Retrieval,
    RetrieveClass,
    RetrieveRefused,
    RetrieveRequest,
    RetrieveStatus,
    Service,
    Unavailable,
)
from dicomnet.scp.association import AcceptedAssociation
from dicomnet.scp.move import Mover
from dicomnet.scp.progress import Progress
from dicomnet.scp.store import ERROR_COMMENT_LENGTH
from dicomnet.scp.suboperations import SubOperations
from dicomnet.scu.outgoing import Outgoing
from dicomnet.services import Services, services_for
from dicomnet.wire import pdu
from dicomnet.wire.connection import ConnectionLost
from dicomnet.wire.operations import AssociationOver

logger = logging.getLogger(__name__)
PENDING_SECONDS = 0.5
MAXIMUM_IDENTIFIER_BYTES = 2 << 20  # some 30,000 of the longest UIDs
COMMANDS = {pdu.C_GET_RQ: Service.GET, pdu.C_MOVE_RQ: Service.MOVE}


def is_retrieval(assoc: AcceptedAssociation, context_id: int, field: bytes) -> bool:
    """The request is a retrieval, and came in a presentation context of its kind."""
    known = RETRIEVE_CLASSES.get(str(assoc.abstract_syntax(context_id)))
    return known is not None and COMMANDS.get(field) is known.service


def refuse_without_identifier(assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes]) -> bytes:
    """The response to a request that has no data set."""
    text = "the request has no identifier"
    return Retrieving(assoc, context_id, command).final(RetrieveStatus.IDENTIFIER_MISMATCH, text)


class IncomingRetrieval:
    """One C-GET or C-MOVE request on its way; it is served when its identifier is whole."""

    def __init__(self, assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes]) -> None:
        self._assoc = assoc
        self._retrieving = Retrieving(assoc, context_id, command)
        self._identifier = bytearray()
        # One that came for an earlier request of this number.
        assoc.forget_cancel(int.from_bytes(command[pdu.MESSAGE_ID], "little"))

    def write(self, *pieces: Buffer) -> None:
        """Take the next bytes of the identifier; of one that is too long no more than is needed to see it."""
        for piece in pieces:
            if len(self._identifier) <= MAXIMUM_IDENTIFIER_BYTES:
                self._identifier += piece

    def finish(self) -> None:
        """It is whole: have it served next."""
        self._assoc.serve_next(self.serve)

    def discard(self) -> None:
        """There is nothing to leave behind."""

    def serve(self) -> None:
        """Answer it."""
        try:
            self._retrieving.run(bytes(self._identifier))
        except (AssociationOver, ConnectionLost) as error:
            logger.info("retrieval cut off", extra={"reason": str(error)})
        finally:
            self._assoc.on_response = None


class Retrieving:
    """One request on its way to its final response."""

    def __init__(self, assoc: AcceptedAssociation, context_id: int, command: dict[int, bytes]) -> None:
        self._assoc = assoc
        self._context_id = context_id
        self._command = command
        self._sop_class_uid = str(assoc.abstract_syntax(context_id))
        self._class: RetrieveClass = RETRIEVE_CLASSES[self._sop_class_uid]
        self._transfer_syntax = UID(assoc.transfer_syntax(context_id) or "")
        self._message_id = int.from_bytes(command[pdu.MESSAGE_ID], "little")
        self._progress = Progress(0)
        self._level = ""
        self._uids: tuple[str, ...] = ()
        self._began = self._told_at = time.monotonic()
        self._destination = ""

    def run(self, identifier: bytes) -> None:
        """Do what is asked, and answer.

        Raises:
            AssociationOver, ConnectionLost: there is nobody left to answer to.
        """
        try:
            self._retrieve(identifier)
        except RetrieveRefused as refused:
            self._send(self.final(refused.status, str(refused), refused.offending_element))
        except (AssociationOver, ConnectionLost):
            self._log("the caller is gone", logging.WARNING)
            raise
        except Exception:
            # The handler's boundary: an error of ours must not end the association or be taken for a success.
            logger.exception("retrieval failed")
            self._send(self.final(RetrieveStatus.PROCESSING_FAILURE, "internal error, see the gateway's log"))

    def _retrieve(self, identifier: bytes) -> None:
        record = self._assoc.record
        if not self._class.is_allowed(record.rights):
            raise RetrieveRefused(RetrieveStatus.NOT_AUTHORISED, "the allowlist does not let this caller retrieve so")
        if pdu.decode_uid(self._command.get(pdu.AFFECTED_SOP_CLASS_UID, b"")) != self._sop_class_uid:
            text = "the SOP Class is not that of the presentation context"
            raise RetrieveRefused(RetrieveStatus.CLASS_NOT_SUPPORTED, text, pdu.AFFECTED_SOP_CLASS_UID)
        services = services_for(record.called_ae_title)
        if services is None:
            raise RetrieveRefused(RetrieveStatus.PROCESSING_FAILURE, "nobody answers to the called AE title")
        mover = self._mover(services) if self._class.service is Service.MOVE else None
        is_relational = self._sop_class_uid in record.relational
        retrieval = services.retrieve(
            RetrieveRequest(
                self._class.root,
                self._decoded(identifier),
                is_relational,
                record.calling_ae_title,
                self._is_wanted,
                source_address=self._assoc.connection.address,
            )
        )
        self._level, self._uids = retrieval.level, retrieval.uids
        self._progress.total = retrieval.count
        with closing(self._available(retrieval)) as instances:
            if mover is None:
                self._get(instances)
            else:
                mover.send(instances, retrieval.contexts)
        if self.is_cancelled and self._progress.remaining:
            self._send(self.final(RetrieveStatus.CANCELLED))
            return
        self._progress.fail_rest("an instance is no longer there")
        self._send(self.final(self._progress.final_status(), self._progress.reason()))

    def _get(self, instances: Iterator[Outgoing]) -> None:
        sender = SubOperations(self._assoc, self.attend, priority=self._priority)
        with closing(sender.send_all(instances)) as answers:
            for sent in answers:
                self._progress.add(sent)
                # What the caller says was read with its answer.
                self._tell()

    def _mover(self, services: Services) -> Mover:
        """Where to send to.

        Raises:
            RetrieveRefused: it is not known, or not for this caller.
        """
        record = self._assoc.record
        title = self._command.get(pdu.MOVE_DESTINATION, b"").decode("ascii", "replace").strip(" \0")
        destination = None
        if title and record.rights.may_move_to(title):
            self._destination = title
            destination = services.move_destination(title, self._assoc.connection.address)
        if destination is None:
            # The same for one that is not allowed: nobody learns from it what others may do.
            text = "the Move Destination is not known here, or not allowed"
            raise RetrieveRefused(RetrieveStatus.DESTINATION_UNKNOWN, text)
        return Mover(
            destination,
            self._progress,
            self.attend,
            calling_ae_title=record.calling_ae_title,
            message_id=self._message_id,
            priority=self._priority,
        )

    def _decoded(self, identifier: bytes) -> Dataset:
        syntax = self._transfer_syntax
        if len(identifier) > MAXIMUM_IDENTIFIER_BYTES:
            raise RetrieveRefused(RetrieveStatus.CANNOT_COUNT, "the identifier is too long, ask in smaller parts")
        try:
            # Values are decoded when they are touched, so sequences, which no unique key is, never are.
            return decode(BytesIO(identifier), syntax.is_implicit_VR, syntax.is_little_endian)
        except Exception as error:
            text = "the identifier cannot be decoded"
            raise RetrieveRefused(RetrieveStatus.IDENTIFIER_MISMATCH, text) from error

    @property
    def _priority(self) -> int:
        """As in the request, where that names one (PS3.7 9.3.3.1)."""
        value = int.from_bytes(self._command.get(pdu.PRIORITY, b"")[:2], "little")
        return value if value in {0, 1, 2} else 0

    @property
    def is_cancelled(self) -> bool:
        """The caller wants no more."""
        return self._assoc.is_cancelled(self._message_id)

    def _available(self, retrieval: Retrieval) -> Generator[Outgoing]:
        """What can be sent, until the caller wants no more; what cannot be is counted."""
        try:
            for found in retrieval:
                if self.is_cancelled:
                    return
                if isinstance(found, Unavailable):
                    self._progress.fail(found.sop_instance_uid, found.reason)
                else:
                    yield found
        except Exception:
            # Whoever takes from here has a request under way, whose answer must still be read.
            logger.exception("retrieval cannot go on")
            self._progress.fail_rest("internal error, see the gateway's log")

    def _is_wanted(self) -> bool:
        self.attend()
        return not self.is_cancelled

    def attend(self) -> None:
        """Listen to the caller, and say now and then how far it has come.

        Raises:
            AssociationOver, ConnectionLost: the caller is gone.
        """
        self._assoc.take_in(0)
        self._tell()

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told_at >= PENDING_SECONDS and not self.is_cancelled:
            self._told_at = now
            self._send(self._response(RetrieveStatus.PENDING, self._progress.elements(with_remaining=True)))

    def final(self, status: RetrieveStatus, comment: str = "", offending_element: int | None = None) -> bytes:
        """The PDUs of the final response; the request is counted and logged."""
        elements: list[tuple[int, bytes]] = []
        if offending_element is not None:
            tag = offending_element
            elements.append((pdu.OFFENDING_ELEMENT, pdu.encode_us(tag >> 16) + pdu.encode_us(tag & 0xFFFF)))
        if comment and status != RetrieveStatus.SUCCESS:
            text = comment[:ERROR_COMMENT_LENGTH].encode("ascii", "replace")
            elements.append((pdu.ERROR_COMMENT, text + b" " * (len(text) % 2)))
        elements += self._progress.elements(with_remaining=status is RetrieveStatus.CANCELLED)
        failed = self._progress.failed_list(self._transfer_syntax)
        name = f"0x{status:04X}"
        self._assoc.record.statuses[f"{self._class.service.value} {name}"] += 1
        self._assoc.record.bytes_sent += self._progress.bytes_sent
        RETRIEVES.labels(service=self._class.service.value, status=name).inc()
        is_well = status in {RetrieveStatus.SUCCESS, RetrieveStatus.CANCELLED}
        self._log(comment, logging.INFO if is_well else logging.WARNING, status=name)
        return self._response(status, elements, failed)

    def _send(self, response: bytes) -> None:
        self._assoc.connection.write(response)

    def _response(self, status: RetrieveStatus, elements: list[tuple[int, bytes]], data: bytes = b"") -> bytes:
        command = self._command
        field = int.from_bytes(command[pdu.COMMAND_FIELD], "little") | 0x8000
        head = [
            (pdu.AFFECTED_SOP_CLASS_UID, pdu.encode_uid(self._sop_class_uid)),
            (pdu.COMMAND_FIELD, pdu.encode_us(field)),
            (pdu.MESSAGE_ID_BEING_RESPONDED_TO, command[pdu.MESSAGE_ID]),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.HAS_DATA_SET if data else pdu.NO_DATA_SET),
            (pdu.STATUS, pdu.encode_us(status)),
        ]
        return self._assoc.response(self._context_id, [*head, *elements], data)

    def _log(self, reason: str, level: int, *, status: str = "") -> None:
        record, progress = self._assoc.record, self._progress
        logger.log(
            level,
            "retrieval ended",
            extra={
                "service": self._class.service.value,
                "calling_ae_title": record.calling_ae_title,
                "called_ae_title": record.called_ae_title,
                "source_address": self._assoc.connection.address,
                "destination": self._destination,
                "query_level": self._level,
                "uids": list(self._uids[:10]),
                "status": status,
                "reason": reason,
                "instances": progress.total,
                "completed": progress.completed,
                "warnings": progress.warnings,
                "failed": progress.failed,
                "bytes": progress.bytes_sent,
                "milliseconds": round((time.monotonic() - self._began) * 1000),
            },
        )
