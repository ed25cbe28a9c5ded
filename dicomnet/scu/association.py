"""Open an association as requestor: pynetdicom negotiates, then the socket is ours (PS3.8 7.1, PS3.7 D.3).

pynetdicom's own send methods share a reactor thread with the caller and now and then lose a response to it, which
then costs the whole DIMSE timeout. So its threads end once the association stands, and the requests of
``dicomnet.scu`` are written to the socket by the caller, one at a time, with a deadline on each wait.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from pynetdicom import AE, evt
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.presentation import build_context

from dicomnet.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicomnet.statuses import rejection_in_words

_PDU_HEADER = struct.Struct(">BxL")
_PDV_HEADER = struct.Struct(">LBB")
_COMMAND_ELEMENT = struct.Struct("<HHL")
P_DATA_TF, A_RELEASE_RQ, A_RELEASE_RP, A_ABORT = 4, 5, 6, 7
MAXIMUM_PDU_BYTES = 131_072
MAXIMUM_CONTEXTS = 128
MAXIMUM_COMMAND_BYTES = 65_536  # a response is a few hundred
RELEASE_TIMEOUT_SECONDS = 5
GONE = "the peer accepted the association and left"


class PeerError(Exception):
    """The peer could not be reached, or did not answer as it should; the message is for people."""

    is_permanent = False


class AssociationRejected(PeerError):
    """The peer rejected the association (PS3.8 9.3.4)."""

    def __init__(self, result: int, source: int, reason: int) -> None:
        super().__init__(rejection_in_words(result, source, reason))
        self.is_permanent = result == 1


class NoContextAccepted(PeerError):
    """The peer accepted the association, but none of the presentation contexts that were proposed."""


@dataclass(frozen=True)
class Peer:
    """An application entity to call, and how long to wait for it (seconds)."""

    ae_title: str
    host: str
    port: int
    calling_ae_title: str
    connect_timeout_seconds: float = 10
    acse_timeout_seconds: float = 15
    dimse_timeout_seconds: float = 30

    def __str__(self) -> str:
        return f"{self.ae_title} at {self.host}:{self.port}"


class RequestorAssociation:
    """An open association; a context manager that releases it, or aborts it after an error.

    Attributes:
        contexts: accepted presentation context ID by (abstract syntax, transfer syntax).
    """

    def __init__(self, peer: Peer, proposed: Sequence[tuple[str, str]]) -> None:
        """Negotiate one presentation context per pair, so that nothing is ever transcoded.

        Raises:
            PeerError: nobody listens, the peer rejects, or does not answer in time.
        """
        if len(proposed) > MAXIMUM_CONTEXTS:
            raise ValueError(f"an association takes {MAXIMUM_CONTEXTS} presentation contexts, not {len(proposed)}")
        self.peer = peer
        assoc = _negotiate(peer, proposed)
        self.contexts: dict[tuple[str, str], int] = {
            (str(cx.abstract_syntax), str(cx.transfer_syntax[0])): cx.context_id for cx in assoc.accepted_contexts
        }
        # 0 means no limit of the peer's own (PS3.8 D.1); ours still bounds what one write takes.
        maximum = min(assoc.acceptor.maximum_length or MAXIMUM_PDU_BYTES, MAXIMUM_PDU_BYTES)
        self.fragment_bytes: int = (maximum - 6) & ~1  # fragments are even (PS3.8 9.3.5.1)
        self._message_id = 0
        self._socket = _take_socket(assoc)

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

    def command_pdu(self, context_id: int, elements: list[tuple[int, bytes]]) -> bytes:
        """A P-DATA-TF PDU with one whole command set (PS3.7 6.3.1, PS3.8 9.3.5)."""
        body = b"".join(_COMMAND_ELEMENT.pack(0, element, len(value)) + value for element, value in elements)
        body = _COMMAND_ELEMENT.pack(0, 0, 4) + struct.pack("<L", len(body)) + body
        return _PDU_HEADER.pack(P_DATA_TF, len(body) + 6) + _PDV_HEADER.pack(len(body) + 2, context_id, 3) + body

    def fragment_header(self, context_id: int, length: int, *, is_last: bool) -> bytes:
        """The headers before one fragment of a data set, one PDV per PDU."""
        return _PDU_HEADER.pack(P_DATA_TF, length + 6) + _PDV_HEADER.pack(length + 2, context_id, 2 if is_last else 0)

    @property
    def socket(self) -> socket.socket:
        """The connection; whoever writes sets its timeout first."""
        return self._socket

    def read_command(self, timeout_seconds: float) -> dict[int, bytes]:
        """Wait for the next command set: value bytes by element of group 0000.

        Raises:
            PeerError: the peer aborted, closed, or let the deadline pass.
        """
        deadline = time.monotonic() + timeout_seconds
        command = b""
        while True:
            kind, length = _PDU_HEADER.unpack(self._read(6, deadline))
            if kind == A_ABORT:
                raise PeerError("the peer aborted the association")
            if kind != P_DATA_TF or not 6 <= length <= MAXIMUM_PDU_BYTES:
                raise PeerError(f"the peer sent a PDU of type {kind:#04x} in place of a response")
            for control, fragment in _fragments(self._read(length, deadline)):
                command += fragment
                if control & 2:
                    return parse_command(command)
            if len(command) > MAXIMUM_COMMAND_BYTES:
                raise PeerError("the peer sent a malformed response: its command set does not end")

    def read_status(self, message_id: int, timeout_seconds: float) -> tuple[int, dict[int, bytes]]:
        """Wait for the response to one request: its status, and all of its command set.

        Raises:
            PeerError: as for ``read_command``, or it is the response to something else.
        """
        response = self.read_command(timeout_seconds)
        status = response.get(0x0900, b"")
        if response.get(0x0120) != struct.pack("<H", message_id) or len(status) != 2:
            raise PeerError("the peer answered something else than what it was asked")
        return int.from_bytes(status, "little"), response

    def release(self) -> None:
        """Release the association; a peer that does not answer is left (PS3.8 7.2)."""
        with contextlib.suppress(OSError, PeerError):
            self._socket.settimeout(RELEASE_TIMEOUT_SECONDS)
            self._socket.sendall(_PDU_HEADER.pack(A_RELEASE_RQ, 4) + bytes(4))
            self._read(10, time.monotonic() + RELEASE_TIMEOUT_SECONDS)
        self._socket.close()

    def abort(self) -> None:
        """Abort and close at once (PS3.8 7.3)."""
        with contextlib.suppress(OSError):
            self._socket.settimeout(1)
            self._socket.sendall(_PDU_HEADER.pack(A_ABORT, 4) + bytes(4))
        self._socket.close()

    def _read(self, count: int, deadline: float) -> bytes:
        out = bytearray()
        while len(out) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise PeerError("the peer did not answer in time")
            self._socket.settimeout(left)
            # Re-armed before each wait: a peer with Nagle's algorithm on that answers in two writes holds the
            # second back until the first is acknowledged, which costs 40 ms per object (DCMTK as installed).
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            try:
                piece = self._socket.recv(count - len(out))
            except TimeoutError as error:
                raise PeerError("the peer did not answer in time") from error
            except OSError as error:
                raise PeerError(f"the connection broke ({error.strerror or error})") from error
            if not piece:
                raise PeerError("the peer closed the connection")
            out += piece
        return bytes(out)


def _fragments(body: bytes) -> Iterator[tuple[int, bytes]]:
    """Message control header and fragment of each PDV of a P-DATA-TF PDU (PS3.8 9.3.5.1)."""
    position = 0
    while position < len(body):
        end = position + 4 + int.from_bytes(body[position : position + 4], "big")
        if not position + 6 <= end <= len(body):
            raise PeerError("the peer sent a malformed response: its lengths contradict each other")
        yield body[position + 5], body[position + 6 : end]
        position = end


def parse_command(command: bytes) -> dict[int, bytes]:
    """Split a command set, always Implicit VR Little Endian (PS3.7 6.3.1), into values by element."""
    elements: dict[int, bytes] = {}
    position = 0
    while position + 8 <= len(command):
        _, element, length = _COMMAND_ELEMENT.unpack_from(command, position)
        elements[element] = command[position + 8 : position + 8 + length]
        position += 8 + length
    return elements


def _negotiate(peer: Peer, proposed: Sequence[tuple[str, str]]) -> Any:
    ae = AE(ae_title=peer.calling_ae_title)
    ae.connection_timeout = peer.connect_timeout_seconds
    ae.acse_timeout = peer.acse_timeout_seconds
    ae.dimse_timeout = peer.dimse_timeout_seconds
    ae.network_timeout = None
    ae.implementation_class_uid = IMPLEMENTATION_CLASS_UID
    ae.implementation_version_name = IMPLEMENTATION_VERSION_NAME
    answers: list[A_ASSOCIATE] = []

    def remember(event: evt.Event) -> None:
        primitive = getattr(event, "primitive", None)
        if isinstance(primitive, A_ASSOCIATE):
            answers.append(primitive)

    try:
        assoc = ae.associate(
            peer.host,
            peer.port,
            contexts=[build_context(abstract, transfer) for abstract, transfer in proposed],
            ae_title=peer.ae_title,
            max_pdu=MAXIMUM_PDU_BYTES,
            evt_handlers=[(evt.EVT_ACSE_RECV, remember)],
        )
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise PeerError(f"{peer} cannot be called: {error}") from error
    if assoc.is_established:
        return assoc
    if assoc.is_rejected and answers:
        answer = answers[-1]
        raise AssociationRejected(answer.result or 0, answer.result_source or 0, answer.diagnostic or 0)
    if answers and any(cx.result == 0 for cx in answers[-1].presentation_context_definition_results_list):
        raise PeerError(GONE)
    if answers:
        raise NoContextAccepted(f"{peer} accepted the association, but none of its presentation contexts")
    raise PeerError(f"{peer} did not answer: nobody listens there, or it closed the connection")


def _take_socket(assoc: Any) -> socket.socket:
    connection = assoc.dul.socket
    taken: socket.socket | None = connection.socket if connection is not None else None
    assoc._kill = True
    assoc.dul._kill_thread = True
    assoc.dul.join(5)
    if taken is None:
        raise PeerError(GONE)
    try:
        taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    except OSError as error:  # pynetdicom closed it, or the peer reset it
        taken.close()
        raise PeerError(GONE) from error
    return taken
