"""C-FIND over an open association: identifiers as bytes, out and in (PS3.4 C.4.1, PS3.7 9.1.2, 9.3.2.3)."""

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from dicomnet.statuses import in_words
from dicomnet.wire import pdu
from dicomnet.wire.inbox import Command, DataSet
from dicomnet.wire.peer import Peer, PeerError
from dicomnet.wire.requestor import RequestorAssociation

SUCCESS, CANCELLED, PENDING, PENDING_WITHOUT_SOME_KEYS = 0x0000, 0xFE00, 0xFF00, 0xFF01
CANCEL_TIMEOUT_SECONDS = 5  # how long a peer may go on sending matches after it was asked to stop


class FindRefused(PeerError):
    """The peer answered the query with a failure; the association stands.

    Attributes:
        status: of PS3.4 Table C.4-1.
    """

    def __init__(self, status: int, comment: str) -> None:
        super().__init__(f"the peer refused the query: {in_words(status)}" + (f" ({comment})" if comment else ""))
        self.status = status


@dataclass(frozen=True)
class FindLimits:
    """What one query may bring and cost.

    Attributes:
        matches: at most so many; the peer is then asked to stop.
        size_bytes: the same for the length of all identifiers.
        seconds: from the request to the final response.
    """

    matches: int = 10_000
    size_bytes: int = 64 << 20
    seconds: float = 60


class FindAssociation(RequestorAssociation):
    """An association that asks, one query after the other.

    Attributes:
        is_idle: no query is under way, so that another may be asked.
    """

    def __init__(self, peer: Peer, contexts: Sequence[tuple[str, str]]) -> None:
        super().__init__(peer, contexts)
        self.is_idle = True

    def find(self, context: tuple[str, str], identifier: bytes, limits: FindLimits) -> "Finding":
        """Ask; use what it returns as a context manager, which stops the peer when not all matches are read.

        Args:
            context: (query model, transfer syntax); one of ``contexts``.
            identifier: keys, encoded in that transfer syntax.
            limits: what it may bring and cost.

        Raises:
            PeerError: the association is lost.
        """
        return Finding(self, context, identifier, limits)


class Finding:
    """A query under way: an iterator over the identifiers of its matches, as they came.

    Attributes:
        is_cut_short: a limit was reached, so there are more matches than were returned.
        ignores_keys: the peer said that it does not support some optional keys for matching (status FF01).
    """

    def __init__(self, assoc: FindAssociation, context: tuple[str, str], identifier: bytes, limits: FindLimits) -> None:
        if not assoc.is_idle:
            raise RuntimeError("the association is still busy with another query")
        self.is_cut_short = False
        self.ignores_keys = False
        self._is_cancelled = False
        self._assoc = assoc
        self._context_id = assoc.contexts[context]
        self._limits = limits
        self._deadline = time.monotonic() + limits.seconds
        self._count = self._size_bytes = 0
        self._message_id = assoc.next_message_id()
        request = [
            (pdu.AFFECTED_SOP_CLASS_UID, pdu.encode_uid(context[0])),
            (pdu.COMMAND_FIELD, pdu.C_FIND_RQ),
            (pdu.MESSAGE_ID, pdu.encode_us(self._message_id)),
            (pdu.PRIORITY, pdu.encode_us(0)),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.HAS_DATA_SET),
        ]
        assoc.is_idle = False
        assoc.write(assoc.message(self._context_id, request, identifier), assoc.peer.dimse_timeout_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or not issubclass(kind, PeerError):
            self.cancel()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """The next match's identifier.

        Raises:
            FindRefused: the peer answered with a failure.
            PeerError: the association is lost, or the time is over.
        """
        if self._assoc.is_idle:
            raise StopIteration
        now = time.monotonic()
        if now > self._deadline:
            raise PeerError(f"the peer did not answer the query in time ({self._limits.seconds:g} s)")
        deadline = min(self._deadline, now + self._assoc.peer.dimse_timeout_seconds)
        identifier = self._next_response(deadline)
        if identifier is None:
            raise StopIteration
        self._count += 1
        self._size_bytes += len(identifier)
        if self._count > self._limits.matches or self._size_bytes > self._limits.size_bytes:
            self.is_cut_short = True
            self.cancel()
            raise StopIteration
        return identifier

    def cancel(self) -> None:
        """Ask the peer to stop, and drop what still comes; without an end to it the association stays busy."""
        if self._assoc.is_idle or self._is_cancelled:
            return
        self._is_cancelled = True
        request = [
            (pdu.COMMAND_FIELD, pdu.C_CANCEL_RQ),
            (pdu.MESSAGE_ID_BEING_RESPONDED_TO, pdu.encode_us(self._message_id)),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.NO_DATA_SET),
        ]
        deadline = time.monotonic() + CANCEL_TIMEOUT_SECONDS
        with contextlib.suppress(PeerError):
            self._assoc.write(self._assoc.message(self._context_id, request), CANCEL_TIMEOUT_SECONDS)
            while self._next_response(deadline) is not None:
                if time.monotonic() > deadline:
                    return

    def _next_response(self, deadline: float) -> bytes | None:
        """A match, or None for the final response."""
        response = self._assoc.read(deadline)
        if not isinstance(response, Command) or response.answers != self._message_id or response.status is None:
            raise PeerError("the peer answered something else than what it was asked")
        if response.status in {PENDING, PENDING_WITHOUT_SOME_KEYS}:
            self.ignores_keys |= response.status == PENDING_WITHOUT_SOME_KEYS
            identifier = self._assoc.read(deadline) if response.has_data_set else None
            if not isinstance(identifier, DataSet):
                raise PeerError("the peer answered with a match that has no identifier")
            return identifier.data
        # A data set after the final response is a defect; an association with one on its way is not used again.
        self._assoc.is_idle = not response.has_data_set
        if response.status not in {SUCCESS, CANCELLED}:
            raise FindRefused(response.status, response.comment)
        return None
