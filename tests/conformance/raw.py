"""A requestor made of bytes: every PDU, item and message can be sent, right or wrong (PS3.8 9.3, PS3.7 6.3, D.3)."""

import socket
import ssl
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from dicomnet.wire.pdu import (
    A_ABORT,
    A_ASSOCIATE_AC,
    A_ASSOCIATE_RJ,
    A_ASSOCIATE_RQ,
    A_RELEASE_RP,
    HAS_DATA_SET,
    IS_COMMAND,
    IS_LAST,
    NO_DATA_SET,
    P_DATA_TF,
    RELEASE_RQ,
    command_set,
    encode_uid,
    fragments,
    parse_command,
)
from tests.corpus import CT, EXPLICIT
from tests.peers import LOOPBACK

SECONDS = 30  # a deadline, which only a listener that fails ever waits for
VERIFICATION, IMPLICIT = "1.2.840.10008.1.1", "1.2.840.10008.1.2"
ECHO, STORE = 1, 3  # presentation context IDs of a usual association
USUAL = ((ECHO, VERIFICATION, (IMPLICIT,)), (STORE, CT, (EXPLICIT,)))
APPLICATION_CONTEXT = b"1.2.840.10008.3.1.1.1"
C_STORE, C_FIND, C_GET, C_MOVE, C_ECHO, C_CANCEL = 0x0001, 0x0020, 0x0010, 0x0021, 0x0030, 0x0FFF
N_EVENT_REPORT, N_GET, N_SET, N_ACTION, N_CREATE, N_DELETE = 0x0100, 0x0110, 0x0120, 0x0130, 0x0140, 0x0150
Context = tuple[int, str, Sequence[str]]


def pdu(kind: int, body: bytes, *, length: int | None = None, reserved: int = 0) -> bytes:
    """A PDU; ``length`` may lie."""
    return struct.pack(">BBL", kind, reserved, len(body) if length is None else length) + body


def item(kind: int, body: bytes, *, length: int | None = None, reserved: int = 0) -> bytes:
    """An item or sub-item; ``length`` may lie."""
    return struct.pack(">BBH", kind, reserved, len(body) if length is None else length) + body


def proposed_context(context: Context, *, reserved: int = 0) -> bytes:
    """A presentation context item of an A-ASSOCIATE-RQ (PS3.8 9.3.2.2)."""
    number, abstract_syntax, transfer_syntaxes = context
    body = bytes((number, reserved, reserved, reserved)) + item(0x30, abstract_syntax.encode(), reserved=reserved)
    return item(0x20, body + b"".join(item(0x40, syntax.encode()) for syntax in transfer_syntaxes), reserved=reserved)


def user_information(maximum_length: int | None = 16_384, more: bytes = b"") -> bytes:
    """The user information item: maximum length, implementation class UID, and what else is given (PS3.7 D.3.3)."""
    maximum = b"" if maximum_length is None else item(0x51, struct.pack(">L", maximum_length))
    return item(0x50, maximum + item(0x52, b"1.2.3.4.5") + more)


def associate_rq(
    contexts: Iterable[Context] = USUAL,
    *,
    called: bytes = b"GANTRY",
    calling: bytes = b"MODALITY",
    version: int = 1,
    maximum_length: int | None = 16_384,
    user_items: bytes = b"",
    application_context: bytes = APPLICATION_CONTEXT,
    extra_items: bytes = b"",
    reserved: int = 0,
) -> bytes:
    """An A-ASSOCIATE-RQ PDU (PS3.8 9.3.2).

    Args:
        user_items: more sub-items of the user information.
        extra_items: items after the user information.
        reserved: the value of every reserved byte.
    """
    fixed = struct.pack(">HBB", version, reserved, reserved) + called.ljust(16) + calling.ljust(16)
    items = item(0x10, application_context, reserved=reserved)
    items += b"".join(proposed_context(context, reserved=reserved) for context in contexts)
    items += user_information(maximum_length, user_items) + extra_items
    return pdu(A_ASSOCIATE_RQ, fixed + bytes((reserved,)) * 32 + items, reserved=reserved)


def pdv(context_id: int, control: int, fragment: bytes, *, length: int | None = None) -> bytes:
    """A presentation data value; ``length`` may lie."""
    size = len(fragment) + 2 if length is None else length
    return struct.pack(">LBB", size, context_id, control) + fragment


def p_data(*values: bytes) -> bytes:
    """A P-DATA-TF PDU of these presentation data values."""
    return pdu(P_DATA_TF, b"".join(values))


Elements = Mapping[int, bytes | None]


def command(field: int, message_id: int = 1, *, sop_class: str = "", more: Elements | None = None) -> bytes:
    """A request's command set without data set; ``more`` adds or replaces elements of group 0000, None takes away."""
    elements: dict[int, bytes | None] = {
        0x0002: encode_uid(sop_class) if sop_class else None,
        0x0100: struct.pack("<H", field),
        0x0110: struct.pack("<H", message_id),
        0x0800: NO_DATA_SET,
        **(more or {}),
    }
    return command_set((element, value) for element, value in sorted(elements.items()) if value is not None)


def echo_command(message_id: int = 1, *, more: Elements | None = None) -> bytes:
    """A C-ECHO request (PS3.7 9.3.5.1)."""
    return command(C_ECHO, message_id, sop_class=VERIFICATION, more=more)


def store_command(uid: str, message_id: int = 1, *, sop_class: str = CT, more: Elements | None = None) -> bytes:
    """A C-STORE request (PS3.7 9.3.1.1)."""
    usual = {0x0700: b"\0\0", 0x0800: HAS_DATA_SET, 0x1000: encode_uid(uid)}
    return command(C_STORE, message_id, sop_class=sop_class, more={**usual, **(more or {})})


@dataclass(frozen=True)
class Accepted:
    """An A-ASSOCIATE-AC.

    Attributes:
        body: everything after the PDU's header.
        contexts: (result, transfer syntax) by presentation context ID.
        user_items: body of each sub-item of the user information, by its type.
    """

    body: bytes
    contexts: dict[int, tuple[int, str]]
    user_items: dict[int, list[bytes]] = field(default_factory=dict)

    @classmethod
    def parse(cls, body: bytes) -> "Accepted":
        """Take apart the body of an A-ASSOCIATE-AC PDU (PS3.8 9.3.3)."""
        contexts: dict[int, tuple[int, str]] = {}
        user_items: dict[int, list[bytes]] = {}
        for kind, value in items(body[68:]):
            if kind == 0x21:
                syntaxes = [part.decode() for number, part in items(value[4:]) if number == 0x40]
                contexts[value[0]] = value[2], syntaxes[0] if syntaxes else ""
            elif kind == 0x50:
                for number, part in items(value):
                    user_items.setdefault(number, []).append(part)
        return cls(body, contexts, user_items)


def items(body: bytes) -> Iterable[tuple[int, bytes]]:
    """Type and body of each item."""
    position = 0
    while position < len(body):
        kind, length = struct.unpack_from(">BxH", body, position)
        yield kind, body[position + 4 : position + 4 + length]
        position += 4 + length


CLOSED = "closed"
Answer = tuple[Any, ...] | str


class Raw:
    """A connection to a listener; a context manager that closes it.

    Attributes:
        maximum: longest variable field of a P-DATA-TF PDU that may be answered.
    """

    maximum = 16_384

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self.socket = socket.create_connection((LOOPBACK, port), SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def send(self, *pieces: bytes) -> None:
        """Send, each piece by itself; a listener that has gone shows in what is read."""
        try:
            for piece in pieces:
                self.socket.sendall(piece)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def read(self) -> tuple[int, bytes]:
        """Type and body of the next PDU; (0, b"") when the connection is closed.

        Raises:
            TimeoutError: nothing came.
        """
        head = self._exactly(6)
        if len(head) < 6:
            return 0, b""
        kind, length = struct.unpack(">BxL", head)
        assert kind != P_DATA_TF or length <= self.maximum
        return kind, self._exactly(length)

    def _exactly(self, count: int) -> bytes:
        out = bytearray()
        while len(out) < count:
            try:
                piece = self.socket.recv(count - len(out))
            except ConnectionResetError:
                break
            if not piece:
                break
            out += piece
        return bytes(out)

    def answer(self) -> Answer:
        """The next PDU in short: ("abort", source, reason), ("reject", result, source, reason), "released" ..."""
        kind, body = self.read()
        if kind == 0:
            return CLOSED
        if kind == A_ABORT:
            return "abort", body[2], body[3]
        if kind == A_ASSOCIATE_RJ:
            return "reject", body[1], body[2], body[3]
        if kind == A_RELEASE_RP:
            return "released"
        return {A_ASSOCIATE_AC: "accepted", P_DATA_TF: "data"}.get(kind, f"PDU {kind}")

    def associate(self, request: bytes | None = None) -> Accepted:
        """Send an A-ASSOCIATE-RQ, which has to be accepted."""
        self.send(associate_rq() if request is None else request)
        kind, body = self.read()
        assert kind == A_ASSOCIATE_AC, (kind, body)
        return Accepted.parse(body)

    def response(self) -> dict[int, bytes]:
        """The command set of the next message, which has no data set."""
        found = b""
        while True:
            kind, body = self.read()
            assert kind == P_DATA_TF, (kind, body)
            for _, control, fragment in fragments(body):
                assert control & IS_COMMAND
                found += fragment
                if control & IS_LAST:
                    return parse_command(found)

    def status(self) -> int:
        """Status of the next response."""
        return int.from_bytes(self.response()[0x0900], "little")

    def echo(self, message_id: int = 99, context_id: int = ECHO) -> int:
        """C-ECHO: the association is still usable."""
        self.send(p_data(pdv(context_id, IS_COMMAND | IS_LAST, echo_command(message_id))))
        response = self.response()
        assert response[0x0120] == struct.pack("<H", message_id)
        return int.from_bytes(response[0x0900], "little")

    def store(self, data: bytes, uid: str, *, context_id: int = STORE, sop_class: str = CT, size: int = 16_000) -> int:
        """C-STORE in fragments of this size, one in each PDU; its status."""
        self.send(p_data(pdv(context_id, IS_COMMAND | IS_LAST, store_command(uid, sop_class=sop_class))))
        for start in range(0, max(len(data), 1), size):
            control = IS_LAST if start + size >= len(data) else 0
            self.send(p_data(pdv(context_id, control, data[start : start + size])))
        return self.status()

    def release(self) -> Answer:
        """A-RELEASE-RQ and its answer."""
        self.send(RELEASE_RQ)
        return self.answer()
