"""Twenty ways in which a destination can be bad, each as a real peer on loopback."""

import random
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from dicomnet.wire import pdu
from tests.peers import (
    LOOPBACK,
    accept_association,
    command_set,
    p_data,
    read_message,
    read_pdu,
    refused_port,
    scripted_peer,
    silent_port,
    storing_peer,
    tcp_peer,
)

FOREVER_SECONDS = 600


@dataclass(frozen=True)
class Bad:
    """A bad destination.

    Attributes:
        ends: the states that its deliveries may be in when they have been tried long enough.
        columns: of the destination, besides host and port.
    """

    name: str
    port: int
    ends: frozenset[str]
    columns: dict[str, Any] = field(default_factory=dict)


WAITS = frozenset({"pending", "sending"})
DEAD = frozenset({"dead"})
DELIVERED = frozenset({"delivered"})


@contextmanager
def full_backlog() -> Iterator[int]:
    """A port whose queue of connections is full: the kernel drops what would open another, as a black hole does."""
    with socket.socket() as listening, ExitStack() as stack:
        listening.bind((LOOPBACK, 0))
        listening.listen(0)
        address = listening.getsockname()
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(address)
        yield address[1]


def stops_after(count: int) -> Callable[[socket.socket], None]:
    """Accepts an association, reads so many bytes, and then nothing more; as a process that was stopped."""

    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        left = count
        while left > 0:
            left -= len(connection.recv(min(left, 4096)) or b"x" * left)
        time.sleep(FOREVER_SECONDS)

    return serve


def resets_after(count: int) -> Callable[[socket.socket], None]:
    """Accepts an association and resets the connection in the middle of a PDU."""

    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        connection.recv(count)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return serve


def reads_at(bytes_per_second: int) -> Callable[[socket.socket], None]:
    """Reads slowly, with as little buffer as the kernel gives."""

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        accept_association(connection)
        while connection.recv(bytes_per_second // 4):
            time.sleep(0.25)

    return serve


def loses_one_in_five() -> Callable[[socket.socket], None]:
    """Closes the connection instead of answering, one time in five."""
    seeded = random.Random(15)

    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        while seeded.random() > 0.2:
            context_id, command = read_message(connection)
            answer(connection, context_id, command)

    return serve


def answer(connection: socket.socket, context_id: int, command: dict[int, bytes], *, message_id: bytes = b"") -> None:
    """A success, to this message or to another."""
    is_echo = command[0x0100] == pdu.C_ECHO_RQ
    elements = {
        0x0100: b"\x30\x80" if is_echo else b"\x01\x80",
        0x0120: message_id or command[0x0110],
        0x0800: b"\x01\x01",
        0x0900: b"\0\0",
    }
    connection.sendall(p_data((context_id, 3, command_set(elements))))


def answers_another(connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
    """The response names a message that was never sent."""
    answer(connection, context_id, command, message_id=b"\x99\x99")


def releases_without_answer(connection: socket.socket) -> None:
    """Asks for a release where an answer is due."""
    accept_association(connection)
    read_message(connection)
    connection.sendall(pdu.RELEASE_RQ)
    read_pdu(connection)


@contextmanager
def bad_destinations() -> Iterator[dict[str, Bad]]:
    """All of them, by name."""
    with ExitStack() as stack:

        def storing(**told: Any) -> int:
            return stack.enter_context(storing_peer(**told)).port

        def tcp(serve: Callable[[socket.socket], None]) -> int:
            return stack.enter_context(tcp_peer(serve))

        found = [
            Bad("refused", refused_port(), WAITS),
            Bad("black hole before the connection", stack.enter_context(full_backlog()), WAITS),
            Bad("black hole in the middle of a PDU", tcp(stops_after(3)), WAITS),
            Bad("reset in the middle of a PDU", tcp(resets_after(3)), WAITS),
            Bad("accepts and says nothing", stack.enter_context(silent_port()), WAITS),
            Bad("stopped in the middle of a data set", tcp(stops_after(600)), WAITS),
            Bad("reads 1 KiB a second", tcp(reads_at(1024)), WAITS),
            Bad("32 kbit a second", tcp(reads_at(4096)), WAITS),
            Bad("loses one in five", tcp(loses_one_in_five()), WAITS | DELIVERED),
            Bad("rejects the caller", storing(rejection=(1, 1, 3)), WAITS),
            Bad("rejects for now", storing(rejection=(2, 3, 1)), WAITS),
            Bad("takes no presentation context", storing(takes_nothing=True), DEAD),
            Bad("no room five times", storing(statuses=[0xA700] * 5), DELIVERED | WAITS),
            Bad("A900", storing(always=0xA900), DEAD),
            Bad("C000", storing(always=0xC000), DEAD | WAITS),
            Bad("B000", storing(always=0xB000), DELIVERED),
            Bad("answers another message", stack.enter_context(scripted_peer(answers_another)), WAITS),
            Bad("releases without an answer", tcp(releases_without_answer), WAITS),
            Bad("speaks no TLS", storing(), WAITS, {"tls": True}),
            Bad("lies", storing(keeps_nothing=True), DELIVERED),
        ]
        yield {bad.name: bad for bad in found}
