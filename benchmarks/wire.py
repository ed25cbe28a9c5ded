"""The cheapest C-STORE requestor there is: requests are cut into PDUs before the clock starts (PS3.8 9.3).

It is the harness's own, so that neither Gantry's sender nor a peer's stands on both sides of a measurement.
"""

import socket
import ssl
import struct
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from dicomnet.part10 import read_file_meta

MAXIMUM_PDU_BYTES = 131_072
BUFFERS_AT_ONCE = 512  # below IOV_MAX
PATIENCE_SECONDS = 120
APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"  # PS3.7 A.2.1
A_ASSOCIATE_RQ, A_ASSOCIATE_AC, P_DATA_TF, A_RELEASE_RQ, A_ABORT = 1, 2, 4, 5, 7
RELEASE_RQ = struct.pack(">BxL4x", A_RELEASE_RQ, 4)
ABORT = struct.pack(">BxL4x", A_ABORT, 4)


class NotAnswered(Exception):
    """The receiver did something else than answer with success."""


@dataclass(frozen=True)
class Address:
    """Where a receiver listens."""

    ae_title: str
    port: int
    is_tls: bool = False


@dataclass(frozen=True)
class Request:
    """One C-STORE request, ready for the socket."""

    sop_instance_uid: str
    buffers: list[bytes | memoryview]


class Association:
    """An open association that proposes some storage classes, each in Explicit VR Little Endian."""

    def __init__(self, address: Address, classes: Iterable[str] = (CTImageStorage,)) -> None:
        """Connect and negotiate.

        Raises:
            NotAnswered: the association is not accepted.
            OSError: nobody listens, or the connection broke.
        """
        self.socket = socket.create_connection(("127.0.0.1", address.port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The timeout stays with the kernel: a Python timeout would poll before each call.
        self.socket.settimeout(None)
        if address.is_tls:
            self.socket = _unverified().wrap_socket(self.socket)
        limit = struct.pack("ll", PATIENCE_SECONDS, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        self.contexts = {uid: 2 * number + 1 for number, uid in enumerate(classes)}
        self.socket.sendall(associate_rq(address.ae_title, self.contexts))
        kind, body = self.read_pdu()
        if kind != A_ASSOCIATE_AC:
            self.socket.close()
            raise NotAnswered(f"the association is not accepted: PDU of type {kind}")
        self.fragment_bytes = (min(_maximum_length(body) or MAXIMUM_PDU_BYTES, MAXIMUM_PDU_BYTES) - 6) & ~1

    def cut(self, path: Path, message_id: int) -> Request:
        """Read a file and cut it into PDUs."""
        with path.open("rb") as file:
            meta = read_file_meta(file)
            file.seek(meta.data_set_offset)
            data = memoryview(file.read())
        context_id = self.contexts[meta.sop_class_uid]
        command = store_rq(message_id, meta.sop_class_uid, meta.sop_instance_uid)
        buffers: list[bytes | memoryview] = [_header(context_id, len(command), 3) + command]
        for start in range(0, len(data), self.fragment_bytes):
            piece = data[start : start + self.fragment_bytes]
            is_last = start + self.fragment_bytes >= len(data)
            buffers += [_header(context_id, len(piece), 2 if is_last else 0), piece]
        if isinstance(self.socket, ssl.SSLSocket):
            buffers = [b"".join(buffers)]
        return Request(meta.sop_instance_uid, buffers)

    def store(self, request: Request) -> int:
        """Send one request and wait for its status."""
        self.write(request.buffers)
        kind, body = self.read_pdu()
        if kind != P_DATA_TF:
            raise NotAnswered(f"the receiver sent a PDU of type {kind} in place of a response")
        return status_of(body)

    def write(self, buffers: Sequence[bytes | memoryview]) -> None:
        """Write everything, with as few system calls as it takes."""
        if isinstance(self.socket, ssl.SSLSocket):
            for buffer in buffers:
                self.socket.sendall(buffer)
            return
        for start in range(0, len(buffers), BUFFERS_AT_ONCE):
            group = list(buffers[start : start + BUFFERS_AT_ONCE])
            while group:
                sent = self.socket.sendmsg(group)
                while group and sent >= len(group[0]):
                    sent -= len(group.pop(0))
                if sent:
                    group[0] = memoryview(group[0])[sent:]

    def read_pdu(self) -> tuple[int, bytes]:
        """Type and body of the next PDU."""
        kind, length = struct.unpack(">BxL", self._read(6))
        return kind, self._read(length)

    def release(self) -> None:
        """Release, wait for the answer, close (PS3.8 7.2)."""
        self.socket.sendall(RELEASE_RQ)
        self.read_pdu()
        self.socket.close()

    def _read(self, count: int) -> bytes:
        out = b""
        while len(out) < count:
            piece = self.socket.recv(count - len(out))
            if not piece:
                raise NotAnswered("the receiver closed the connection")
            out += piece
        return out


def _unverified() -> ssl.SSLContext:
    # What is measured is the receiver; whom the sender trusts is no matter.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def associate_rq(ae_title: str, contexts: dict[Any, int]) -> bytes:
    """An A-ASSOCIATE-RQ PDU (PS3.8 9.3.2)."""
    body = struct.pack(">HH16s16s32x", 1, 0, ae_title.encode().ljust(16), b"BENCH".ljust(16))
    body += _item(0x10, APPLICATION_CONTEXT)
    for uid, context_id in contexts.items():
        syntaxes = _item(0x30, str(uid).encode()) + _item(0x40, ExplicitVRLittleEndian.encode())
        body += _item(0x20, bytes((context_id, 0, 0, 0)) + syntaxes)
    body += _item(0x50, _item(0x51, struct.pack(">L", MAXIMUM_PDU_BYTES)) + _item(0x52, b"2.25.4711"))
    return struct.pack(">BxL", A_ASSOCIATE_RQ, len(body)) + body


def store_rq(message_id: int, sop_class_uid: str, sop_instance_uid: str) -> bytes:
    """The command set of a C-STORE request (PS3.7 9.3.1.1)."""
    body = b"".join(
        (
            _element(0x0002, _even(sop_class_uid)),
            _element(0x0100, b"\x01\x00"),
            _element(0x0110, struct.pack("<H", message_id)),
            _element(0x0700, b"\x00\x00"),
            _element(0x0800, b"\x00\x00"),
            _element(0x1000, _even(sop_instance_uid)),
        )
    )
    return _element(0, struct.pack("<L", len(body))) + body


def status_of(pdata: bytes) -> int:
    """Status (0000,0900) in the body of a P-DATA-TF PDU with one whole command set."""
    position = 6
    while position + 8 <= len(pdata):
        _, element, length = struct.unpack_from("<HHL", pdata, position)
        if element == 0x0900:
            return int.from_bytes(pdata[position + 8 : position + 8 + length], "little")
        position += 8 + length
    raise NotAnswered("the response has no status")


def _maximum_length(associate_ac: bytes) -> int:
    # Items follow the fixed fields; the User Information Item holds the Maximum Length Sub-Item (PS3.8 D.1).
    position = 68
    while position + 4 <= len(associate_ac):
        kind, length = struct.unpack_from(">BxH", associate_ac, position)
        # User Information is a container: step into it.
        if kind == 0x51:
            return int.from_bytes(associate_ac[position + 4 : position + 8], "big")
        position += 4 if kind == 0x50 else 4 + length
    return 16_384


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def _element(number: int, value: bytes) -> bytes:
    return struct.pack("<HHL", 0, number, len(value)) + value


def _header(context_id: int, length: int, control: int) -> bytes:
    return struct.pack(">BxLLBB", P_DATA_TF, length + 6, length + 2, context_id, control)


def _even(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


def clock() -> float:
    """Seconds on a clock that all processes of this machine share."""
    return time.monotonic()
