"""Instances that a peer sends on an association that we opened (C-GET): each goes to its sink as it comes in."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from dicomnet.services import StoreAnswer, StoreRequest, StoreSink
from dicomnet.statuses import StoreStatus
from dicomnet.wire import pdu
from dicomnet.wire.inbox import MAXIMUM_DATA_SET_BYTES, Command, DataSet, Inbox
from dicomnet.wire.peer import PeerError

GRACE_SECONDS, MINIMUM_BYTES_PER_SECOND = 60, 1_000  # for one instance
MAXIMUM_INSTANCE_BYTES = 8 << 30
ERROR_COMMENT_LENGTH = 64  # VR LO
MAXIMUM_UID_BYTES = 64
_NO_UID = StoreAnswer(StoreStatus.CANNOT_UNDERSTAND, "the request's SOP Class or Instance UID is missing or no UID")


@dataclass(frozen=True)
class Receiving:
    """Where instances go, and what is said of each.

    Attributes:
        open_store: begins to take one instance.
        fetched_from: who was asked, for the receipt.
        study_instance_uid: that each instance has to be of.
        taken: called after each with its SOP Instance UID, its size in bytes and what was answered.
    """

    open_store: Callable[[StoreRequest], StoreSink]
    fetched_from: str
    study_instance_uid: str
    taken: Callable[[str, int, StoreAnswer], None]


class IncomingInstance:
    """One C-STORE request; success is answered only when the archive has made the instance durable."""

    def __init__(self, receiving: Receiving, request: StoreRequest, command: Command) -> None:
        self._receiving, self._request, self._command = receiving, request, command
        self._began, self._size_bytes = time.monotonic(), 0
        self._sink: StoreSink | None = None
        uids = (request.sop_class_uid, request.sop_instance_uid)
        if all(uid and len(uid) <= MAXIMUM_UID_BYTES and uid.isascii() for uid in uids):
            self._sink = receiving.open_store(request)

    def write(self, fragment: bytes) -> None:
        """Take the next bytes.

        Raises:
            PeerError: it does not end, or comes too slowly.
        """
        self._size_bytes += len(fragment)
        seconds = time.monotonic() - self._began
        if self._size_bytes > MAXIMUM_INSTANCE_BYTES:
            raise PeerError(f"the peer sends an instance that is longer than {MAXIMUM_INSTANCE_BYTES >> 20} MiB")
        if seconds > GRACE_SECONDS and self._size_bytes < seconds * MINIMUM_BYTES_PER_SECOND:
            raise PeerError("the peer sends an instance too slowly")
        if self._sink is not None:
            self._sink.write(fragment)

    def commit(self) -> StoreAnswer:
        """Its data set is whole."""
        answer = _NO_UID if self._sink is None else self._sink.commit()
        self.discard()
        self._receiving.taken(self._request.sop_instance_uid, self._size_bytes, answer)
        return answer

    def discard(self) -> None:
        """Leave nothing behind of what was not committed."""
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.discard()

    def response(self, answer: StoreAnswer) -> list[tuple[int, bytes]]:
        """The command set of the C-STORE response (PS3.7 9.3.1.2)."""
        asked = self._command.elements
        comment = answer.comment[:ERROR_COMMENT_LENGTH].encode("ascii", "replace")
        elements = [
            (pdu.AFFECTED_SOP_CLASS_UID, asked.get(pdu.AFFECTED_SOP_CLASS_UID, b"")[:MAXIMUM_UID_BYTES]),
            (pdu.COMMAND_FIELD, pdu.C_STORE_RSP),
            (pdu.MESSAGE_ID_BEING_RESPONDED_TO, asked.get(pdu.MESSAGE_ID, b"\0\0")),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.NO_DATA_SET),
            (pdu.STATUS, pdu.encode_us(answer.status)),
        ]
        if comment:
            elements.append((pdu.ERROR_COMMENT, comment + b" " * (len(comment) % 2)))
        uid = asked.get(pdu.AFFECTED_SOP_INSTANCE_UID, b"")[:MAXIMUM_UID_BYTES]
        return [*elements, (pdu.AFFECTED_SOP_INSTANCE_UID, uid)]


# What begins when a command set is whole: where its data set goes, or None when it is kept in memory.
Begin = Callable[[int, Command], IncomingInstance | None]


class StreamingInbox(Inbox):
    """Messages as of any inbox; but data sets that somebody takes are handed on as they come, and are empty here."""

    def __init__(self, begin: Begin, maximum_data_set_bytes: int = MAXIMUM_DATA_SET_BYTES) -> None:
        super().__init__(maximum_data_set_bytes)
        self._begin = begin
        self._incoming: IncomingInstance | None = None

    def discard(self) -> None:
        """The association is over: what is not whole will never be."""
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            incoming.discard()

    def _add(self, context_id: int, control: int, fragment: bytes) -> None:
        if control & pdu.IS_COMMAND or self._incoming is None:
            super()._add(context_id, control, fragment)
            return
        self._incoming.write(fragment)
        if control & pdu.IS_LAST:
            self._incoming = None
            self._on_whole(DataSet(b"", context_id), context_id)

    def _on_whole(self, message: Command | DataSet, context_id: int) -> None:
        super()._on_whole(message, context_id)
        if isinstance(message, Command):
            self._incoming = self._begin(context_id, message)
