"""Sources that do what they should not, byte by byte."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pydicom.uid import ExplicitVRLittleEndian

from dicomnet.wire.elements import element
from tests.peers import command_set, p_data, scripted_peer, tcp_peer

PENDING, SUCCESS = 0xFF00, 0x0000
EXPLICIT = str(ExplicitVRLittleEndian)
C_FIND_RQ, C_FIND_RSP = b"\x20\x00", b"\x20\x80"
ABORT = struct.pack(">BxLxxBB", 7, 4, 0, 0)
Say = Callable[["Asked"], None]


class Asked:
    """A question that a raw peer has read, and how it answers."""

    def __init__(self, connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        self.connection, self._context_id = connection, context_id
        self._message_id = command[0x0110]

    def match(self, identifier: bytes, *, message_id: bytes | None = None) -> bytes:
        """The PDUs of a match."""
        return self._response(PENDING, message_id, b"\x01\x00") + p_data((self._context_id, 2, identifier))

    def end(self, status: int = SUCCESS) -> bytes:
        """The PDU of the final response."""
        return self._response(status, None, b"\x01\x01")

    def say(self, *pdus: bytes) -> None:
        """Write them."""
        self.connection.sendall(b"".join(pdus))

    def _response(self, status: int, message_id: bytes | None, data_set: bytes) -> bytes:
        elements = {
            0x0100: C_FIND_RSP,
            0x0120: message_id or self._message_id,
            0x0800: data_set,
            0x0900: status.to_bytes(2, "little"),
        }
        return p_data((self._context_id, 3, command_set(elements)))


def identifier(number: int, *, level: bytes = b"STUDY", patient: bytes = b"P1", **more: bytes) -> bytes:
    """A match as explicit little endian; ``more`` by the names below."""
    held = {0x00080052: ("CS", level), 0x00100020: ("LO", patient), 0x0020000D: ("UI", b"1.2.3.%d" % number)}
    held |= {_TAGS[name]: (vr, value) for name, (vr, value) in ((n, (_VRS[n], v)) for n, v in more.items())}
    return b"".join(element(tag, vr, value, is_explicit=True) for tag, (vr, value) in sorted(held.items()) if value)


_TAGS = {"name": 0x00100010, "charset": 0x00080005, "study": 0x0020000D, "modalities": 0x00080061, "count": 0x00201208}
_VRS = {"name": "PN", "charset": "CS", "study": "UI", "modalities": "CS", "count": "IS"}


@contextmanager
def find_peer(say: Say) -> Iterator[int]:
    """A peer that takes every association and answers each C-FIND as it is told; yields its port."""

    def answer(connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        if command[0x0100] == C_FIND_RQ:  # a cancel is not answered
            say(Asked(connection, context_id, command))

    with scripted_peer(answer) as port:
        yield port


@contextmanager
def http_bytes(*pieces: bytes, again: bytes = b"", seconds: float = 0) -> Iterator[str]:
    """A service that answers each request with these bytes, and with ``again`` for ever; yields its root.

    Args:
        pieces: what is written first.
        again: what is written until the other end has enough.
        seconds: between two pieces.
    """
    stop = threading.Event()

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        for piece in pieces:
            connection.sendall(piece)
            stop.wait(seconds)
        while again and not stop.is_set():
            connection.sendall(again)
            stop.wait(seconds)

    with tcp_peer(serve) as port:
        try:
            yield f"http://127.0.0.1:{port}/dicom-web"
        finally:
            stop.set()
