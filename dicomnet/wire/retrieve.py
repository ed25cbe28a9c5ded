"""C-GET and C-MOVE over an association that we opened (PS3.4 C.4.2, C.4.3; PS3.7 9.1.3, 9.1.4, 9.3.3, 9.3.4).

The instances of a C-GET come as C-STORE requests on the same association, and go to the archive as they come in:
nothing here takes memory that grows with them.
"""

import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dicomnet.services import StoreRequest
from dicomnet.statuses import StoreStatus, in_words
from dicomnet.wire import pdu
from dicomnet.wire.inbox import Command, DataSet, Inbox
from dicomnet.wire.incoming import IncomingInstance, Receiving, StreamingInbox
from dicomnet.wire.peer import Peer, PeerError
from dicomnet.wire.proposal import Role
from dicomnet.wire.requestor import RequestorAssociation

SUCCESS, CANCELLED, PENDING = 0x0000, 0xFE00, 0xFF00
WARNINGS = range(0xB000, 0xC000)
CANCEL_TIMEOUT_SECONDS = 5  # how long a peer may go on after it was asked to stop


class RetrieveRefused(PeerError):
    """The peer answered the request with a failure; the association stands.

    Attributes:
        status: of PS3.4 Tables C.4-2 and C.4-3.
    """

    def __init__(self, status: int, comment: str) -> None:
        super().__init__(f"the peer refused to send: {in_words(status)}" + (f" ({comment})" if comment else ""))
        self.status = status


class NothingStored(PeerError):
    """What comes cannot be stored here now, whoever sends it; the message says why."""


@dataclass(frozen=True)
class Counts:
    """What the peer says of its sub-operations; None where it does not say it."""

    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warnings: int | None = None


@dataclass(frozen=True)
class Retrieved:
    """How a retrieval ended.

    Attributes:
        status: of the final response.
        comment: its Error Comment.
        counts: as the final response has them.
        failed_list: its data set, with Failed SOP Instance UID List (0008,0058); empty when it has none.
    """

    status: int
    comment: str
    counts: Counts
    failed_list: bytes = b""


class RetrieveAssociation(RequestorAssociation):
    """An association on which instances are asked for, one request after the other."""

    def __init__(
        self,
        peer: Peer,
        contexts: Sequence[tuple[str, str]],
        *,
        roles: Mapping[str, Role] | None = None,
        receiving: Receiving | None = None,
        heartbeat: Callable[[], None] | None = None,
        told: Callable[[Counts], None] | None = None,
    ) -> None:
        """Connect and negotiate.

        Args:
            peer: whom to call.
            contexts: of the retrieve model, and for C-GET those that the peer may send in.
            roles: for C-GET, of the SOP Classes that the peer may send.
            receiving: where instances go; None when they come another way.
            heartbeat: as for every association.
            told: called with what each pending response says.

        Raises:
            PeerError: as for every association.
        """
        self._receiving, self._told = receiving, told
        self._incoming: deque[IncomingInstance] = deque()
        super().__init__(peer, contexts, roles=roles, heartbeat=heartbeat)
        self._context_of = {number: context for context, number in self.contexts.items()}

    def _new_inbox(self) -> Inbox:
        self._streaming = StreamingInbox(self._begin, self.maximum_data_set_bytes)
        return self._streaming

    def retrieve(
        self, context: tuple[str, str], identifier: bytes, *, destination: str = "", silence_seconds: float
    ) -> Retrieved:
        """Ask, and take what comes until the peer says that it is done.

        Args:
            context: (retrieve model, transfer syntax); one of ``contexts``.
            identifier: unique keys, encoded in that transfer syntax.
            destination: AE title to send to, for a C-MOVE; empty for a C-GET.
            silence_seconds: how long the peer may say nothing.

        Raises:
            RetrieveRefused: the peer answered with a failure.
            NothingStored: there is no room here.
            PeerError: the association is lost, or the peer says nothing for too long.
        """
        message_id, number = self.next_message_id(), self.contexts[context]
        title = destination.encode("ascii")
        request = [
            (pdu.AFFECTED_SOP_CLASS_UID, pdu.encode_uid(context[0])),
            (pdu.COMMAND_FIELD, pdu.C_MOVE_RQ if destination else pdu.C_GET_RQ),
            (pdu.MESSAGE_ID, pdu.encode_us(message_id)),
            *([(pdu.MOVE_DESTINATION, title + b" " * (len(title) % 2))] if destination else []),
            (pdu.PRIORITY, pdu.encode_us(0)),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.HAS_DATA_SET),
        ]
        self.write(self.message(number, request, identifier), self.peer.dimse_timeout_seconds)
        is_over = False
        try:
            found = self._until_done(message_id, silence_seconds)
            is_over = True
        except PeerError:
            is_over = True
            raise
        finally:
            if not is_over:  # whoever asked wants no more of it
                self._cancel(number, message_id)
            self._discard()
        return found

    def _until_done(self, message_id: int, silence_seconds: float) -> Retrieved:
        while True:
            message = self._read_moving(silence_seconds)
            if not isinstance(message, Command):
                raise PeerError("the peer sent a data set that belongs to nothing")
            data = self._read_moving(silence_seconds) if message.has_data_set else None
            if message.elements.get(pdu.COMMAND_FIELD) == pdu.C_STORE_RQ and isinstance(data, DataSet):
                self._store(data)
                continue
            if message.answers != message_id or message.status is None:
                raise PeerError("the peer answered something else than what it was asked")
            if message.status == PENDING:
                if self._told is not None:
                    self._told(_counts(message))
                continue
            if message.status not in {SUCCESS, CANCELLED, *WARNINGS}:
                raise RetrieveRefused(message.status, message.comment)
            failed_list = data.data if isinstance(data, DataSet) else b""
            return Retrieved(message.status, message.comment, _counts(message), failed_list)

    def _read_moving(self, silence_seconds: float) -> Command | DataSet:
        """The next message, however long it takes as long as something comes."""
        while (found := self._inbox.next_message()) is None:
            self._fill(time.monotonic() + silence_seconds)
        return found

    def _begin(self, context_id: int, command: Command) -> IncomingInstance | None:
        """A command set has come: where its data set goes; None for one that is kept in memory."""
        if command.elements.get(pdu.COMMAND_FIELD) != pdu.C_STORE_RQ:
            return None
        context = self._context_of.get(context_id)
        if self._receiving is None or context is None or not command.has_data_set:
            raise pdu.MalformedPdu("it sends an instance in a context that was not agreed on")
        request = StoreRequest(
            sop_class_uid=pdu.decode_uid(command.elements.get(pdu.AFFECTED_SOP_CLASS_UID, b"")),
            sop_instance_uid=pdu.decode_uid(command.elements.get(pdu.AFFECTED_SOP_INSTANCE_UID, b"")),
            transfer_syntax_uid=context[1],
            calling_ae_title=self.peer.ae_title,
            called_ae_title=self.peer.calling_ae_title,
            source_address=str(self.channel.socket.getpeername()[0]),
            study_instance_uid=self._receiving.study_instance_uid,
            fetched_from=self._receiving.fetched_from,
        )
        incoming = IncomingInstance(self._receiving, request, command)
        self._incoming.append(incoming)
        return incoming

    def _store(self, data: DataSet) -> None:
        incoming = self._incoming.popleft()
        answer = incoming.commit()
        self.write(self.message(data.context_id, incoming.response(answer)), self.peer.dimse_timeout_seconds)
        if answer.status == StoreStatus.OUT_OF_RESOURCES:
            raise NothingStored(answer.comment)

    def _discard(self) -> None:
        self._streaming.discard()
        while self._incoming:
            self._incoming.popleft().discard()

    def _cancel(self, number: int, message_id: int) -> None:
        """Ask the peer to stop, and wait a moment until it has (PS3.7 9.3.3.3)."""
        self._heartbeat = None
        request = [
            (pdu.COMMAND_FIELD, pdu.C_CANCEL_RQ),
            (pdu.MESSAGE_ID_BEING_RESPONDED_TO, pdu.encode_us(message_id)),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.NO_DATA_SET),
        ]
        deadline = time.monotonic() + CANCEL_TIMEOUT_SECONDS
        with contextlib.suppress(PeerError):
            self.write(self.message(number, request), CANCEL_TIMEOUT_SECONDS)
            while time.monotonic() < deadline:
                message = self.read(deadline)
                is_final = isinstance(message, Command) and message.answers == message_id and message.status != PENDING
                if is_final or self._receiving is not None:  # what sends on this association ends with it
                    return


def _counts(response: Command) -> Counts:
    def number(element: int) -> int | None:
        value = response.elements.get(element, b"")
        return int.from_bytes(value, "little") if len(value) == 2 else None

    return Counts(
        number(pdu.REMAINING_SUB_OPERATIONS),
        number(pdu.COMPLETED_SUB_OPERATIONS),
        number(pdu.FAILED_SUB_OPERATIONS),
        number(pdu.WARNING_SUB_OPERATIONS),
    )
