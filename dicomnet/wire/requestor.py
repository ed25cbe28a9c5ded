"""An association that we opened: no thread but the caller's, and a deadline on each wait (PS3.8 7.1-7.3, PS3.7 D.3).

pynetdicom's own requestor shares a reactor thread with the caller, which wakes up every so often, and now and then
takes a response from it. Here whoever asks also writes and reads.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import NoReturn, Self

from dicomnet.wire import pdu
from dicomnet.wire.channel import connect, reason_of
from dicomnet.wire.inbox import MAXIMUM_ACCEPTANCE_BYTES, MAXIMUM_DATA_SET_BYTES, Command, DataSet, Inbox
from dicomnet.wire.peer import AssociationRejected, NoContextAccepted, Peer, PeerError
from dicomnet.wire.proposal import Acceptance, Proposal, Role, decode_acceptance, encode_request

RELEASE_TIMEOUT_SECONDS = 5
ABORT_TIMEOUT_SECONDS = 1
HEARTBEAT_SECONDS = 0.25
# A fragment goes out in two system calls, so larger ones cost less; past this size it makes no difference.
MAXIMUM_FRAGMENT_BYTES = 1 << 20


class RequestorAssociation:
    """An open association; a context manager that releases it, or aborts it after an error.

    Attributes:
        contexts: accepted presentation context ID by (abstract syntax, transfer syntax).
        roles: what was granted of the roles that were asked for, by abstract syntax.
        window: how many operations may be outstanding at once (PS3.7 D.3.3.3).
        fragment_bytes: the longest fragment that the peer takes; even (PS3.8 9.3.5.1).
        maximum_data_set_bytes: the longest data set that we take.
    """

    maximum_data_set_bytes = MAXIMUM_DATA_SET_BYTES

    def __init__(
        self,
        peer: Peer,
        contexts: Sequence[tuple[str, str]],
        *,
        roles: Mapping[str, Role] | None = None,
        window: int = 1,
        heartbeat: Callable[[], None] | None = None,
    ) -> None:
        """Connect and negotiate.

        Args:
            peer: whom to call.
            contexts: (abstract syntax, transfer syntax); one presentation context each, nothing is ever transcoded.
            roles: by abstract syntax, where we want to be something else than SCU.
            window: how many operations we would like to have outstanding.
            heartbeat: called about each HEARTBEAT_SECONDS while the peer is waited for, for a caller who has others to
                attend to; what it raises ends the wait.

        Raises:
            PeerError: nobody listens, the peer rejects, accepts nothing, or does not answer in time.
            ValueError: more contexts than an association takes.
        """
        proposal = Proposal(contexts, roles or {}, window)
        self.peer = peer
        request = encode_request(peer, proposal)
        self.channel = connect(peer)
        self._inbox = self._new_inbox()
        self._message_id = 0
        self._heartbeat = heartbeat
        self._next_beat = 0.0
        try:
            granted = self._negotiate(request, proposal)
        except BaseException:
            self.channel.close()
            raise
        self.contexts = granted.contexts
        self.roles = granted.roles
        self.window = granted.window
        self.fragment_bytes = pdu.fragment_limit(granted.maximum_pdu_bytes, MAXIMUM_FRAGMENT_BYTES)
        if not self.contexts:
            self.release()
            raise NoContextAccepted(f"{peer} accepted the association, but none of its presentation contexts")

    def _new_inbox(self) -> Inbox:
        return Inbox(self.maximum_data_set_bytes)

    def _negotiate(self, request: bytes, proposal: Proposal) -> Acceptance:
        deadline = time.monotonic() + self.peer.acse_timeout_seconds
        try:
            self.channel.send_all(request, deadline)
            kind, body = self._read_pdu({pdu.A_ASSOCIATE_AC: MAXIMUM_ACCEPTANCE_BYTES, pdu.A_ASSOCIATE_RJ: 4}, deadline)
        except (OSError, PeerError) as error:
            raise PeerError(f"{self.peer} did not answer the request for an association: {reason_of(error)}") from error
        if kind == pdu.A_ASSOCIATE_RJ:
            raise AssociationRejected(*body[1:4])
        return decode_acceptance(body, proposal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.release()
        else:
            self.abort()

    def next_message_id(self) -> int:
        """Message IDs are 1 to 65535 and unique among the outstanding ones (PS3.7 9.1.1.1.1)."""
        self._message_id = self._message_id % 65_535 + 1
        return self._message_id

    def message(self, context_id: int, elements: Iterable[tuple[int, bytes]], data: bytes = b"") -> bytes:
        """The PDUs of a message: its command set and, when there is one, its short data set (PS3.8 9.3.5)."""
        command = pdu.command_pdus(context_id, elements, self.fragment_bytes)
        return command + (pdu.split(context_id, data, 0, self.fragment_bytes) if data else b"")

    def write(self, message: bytes, timeout_seconds: float) -> None:
        """Write a short message.

        Raises:
            PeerError: the peer aborted, closed, or did not take it in time.
        """
        try:
            self.channel.limit_silence(timeout_seconds)
            self.channel.send_all(message, time.monotonic() + timeout_seconds)
        except OSError as error:
            self.explain(error)

    def read(self, deadline: float) -> Command | DataSet:
        """Wait for the next command set or data set.

        Args:
            deadline: of ``time.monotonic``.

        Raises:
            PeerError: the peer aborted, closed, sent nonsense, or let the deadline pass.
        """
        while (found := self._inbox.next_message()) is None:
            self._fill(deadline)
        return found

    def next_message(self) -> Command | DataSet | None:
        """The next message of what was read already; None when none is whole.

        Raises:
            PeerError: it is malformed, or an abort.
        """
        return self._inbox.next_message()

    def read_if_any(self) -> Command | DataSet | None:
        """What has come already; None when nothing whole has.

        Raises:
            PeerError: as for ``read``.
        """
        if (found := self._inbox.next_message()) is not None:
            return found
        self._take()
        return self._inbox.next_message()

    def read_status(self, message_id: int, timeout_seconds: float) -> Command:
        """Wait for the response to one request; its status is there.

        Raises:
            PeerError: as for ``read``, or it is the response to something else.
        """
        response = self.read(time.monotonic() + timeout_seconds)
        if not isinstance(response, Command) or response.answers != message_id or response.status is None:
            raise PeerError("the peer answered something else than what it was asked")
        return response

    def explain(self, error: OSError) -> NoReturn:
        """Raise what ended the connection: an abort that came before says more than a broken pipe.

        Raises:
            PeerError: always.
        """
        while self._inbox.next_message() is not None or self._take():
            pass
        if isinstance(error, TimeoutError):
            raise PeerError("the connection timed out while sending: the peer has stopped reading") from error
        raise PeerError(f"the connection broke while sending ({reason_of(error)})") from error

    def release(self) -> None:
        """Release the association; a peer that does not answer is left (PS3.8 7.2)."""
        deadline = time.monotonic() + RELEASE_TIMEOUT_SECONDS
        allowed = {pdu.P_DATA_TF: MAXIMUM_ACCEPTANCE_BYTES, pdu.A_RELEASE_RQ: 4, pdu.A_RELEASE_RP: 4}
        with contextlib.suppress(OSError, PeerError):
            self.channel.send_all(pdu.RELEASE_RQ, deadline)
            while (kind := self._read_pdu(allowed, deadline)[0]) != pdu.A_RELEASE_RP and time.monotonic() < deadline:
                if kind == pdu.A_RELEASE_RQ:  # both asked at once (PS3.8 7.2.3)
                    self.channel.send_all(pdu.RELEASE_RP, deadline)
        self.channel.close()

    def abort(self) -> None:
        """Abort and close at once (PS3.8 7.3)."""
        with contextlib.suppress(OSError):
            self.channel.send_all(pdu.abort_pdu(), time.monotonic() + ABORT_TIMEOUT_SECONDS)
        self.channel.close()

    def _read_pdu(self, allowed: dict[int, int], deadline: float) -> tuple[int, bytes]:
        while (found := self._inbox.next_pdu(allowed)) is None:
            self._fill(deadline)
        return found

    def wait(self, deadline: float, *, to_write: bool = False) -> tuple[bool, bool]:
        """Wait for the peer, by ``Channel.wait``; whoever opened the association is called meanwhile if it wants that.

        Returns:
            (may read, may write); both False when the deadline has passed, and now and then before.
        """
        if self._heartbeat is None:
            return self.channel.wait(deadline, to_write=to_write)
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + HEARTBEAT_SECONDS
            self._heartbeat()
        return self.channel.wait(min(deadline, self._next_beat), to_write=to_write)

    def _fill(self, deadline: float) -> None:
        """Wait until more has come."""
        while True:
            may_read, _ = self.wait(deadline)
            if may_read and self._take():
                return
            if time.monotonic() >= deadline:
                raise PeerError("the peer did not answer in time")

    def _take(self) -> bool:
        """Take what has come; whether anything has."""
        try:
            data = self.channel.receive()
        except OSError as error:
            raise PeerError(f"the connection broke ({reason_of(error)})") from error
        if data == b"":
            raise PeerError("the peer closed the connection")
        self._inbox.feed(data or b"")
        return data is not None
