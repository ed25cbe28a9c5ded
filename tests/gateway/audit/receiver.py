"""A syslog receiver of the test's own: a thread that takes connections, over TLS or not, and keeps what it reads."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.certificates import Authority, Issued


@dataclass
class Receiver:
    """What came in, and how it behaves.

    Attributes:
        messages: of connections that came to their end.
        breaks_off: how many connections it still cuts off after a part was read, without noting any of it.
        is_silent_at_end: it closes without answering the close_notify, as many receivers do.
    """

    port: int
    messages: list[bytes] = field(default_factory=list)
    connections: int = 0
    breaks_off: int = 0
    is_silent_at_end: bool = False
    faults: list[BaseException] = field(default_factory=list)


@contextmanager
def receiving(server: Issued | None = None, ca: Authority | None = None, port: int = 0) -> Iterator[Receiver]:
    """A receiver on a port of loopback; with a CA it wants to see a certificate."""
    context = None
    if server is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server.cert, server.key)
        if ca is not None:
            context.load_verify_locations(ca.cert)
            context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", port)) as listener:
        receiver = Receiver(listener.getsockname()[1])
        ends = threading.Event()
        thread = threading.Thread(target=_accept, args=(listener, context, receiver, ends), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            ends.set()
            socket.create_connection(("127.0.0.1", receiver.port), timeout=30).close()
            thread.join(60)


def _accept(listener: socket.socket, context: ssl.SSLContext | None, receiver: Receiver, ends: threading.Event) -> None:
    while True:
        plain, _ = listener.accept()
        with plain:
            if ends.is_set():
                return
            plain.settimeout(60)
            try:
                _serve(plain, context, receiver)
            except OSError as error:
                receiver.faults.append(error)


def _serve(plain: socket.socket, context: ssl.SSLContext | None, receiver: Receiver) -> None:
    connection = plain if context is None else context.wrap_socket(plain, server_side=True)
    with connection:
        receiver.connections += 1
        if receiver.breaks_off:
            receiver.breaks_off -= 1
            connection.recv(100)
            return  # with bytes unread: the kernel resets the connection, as for a process that was killed
        content = b""
        while piece := connection.recv(1 << 16):
            content += piece
        receiver.messages += unframed(content)  # before the sender learns that it was read
        if isinstance(connection, ssl.SSLSocket) and not receiver.is_silent_at_end:
            connection.unwrap()


def unframed(content: bytes) -> list[bytes]:
    """Messages of a stream by octet counting; the last must be whole."""
    found = []
    while content:
        length, _, rest = content.partition(b" ")
        assert len(rest) >= int(length), "the stream was cut"
        found.append(rest[: int(length)])
        content = rest[int(length) :]
    return found
