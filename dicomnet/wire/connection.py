"""One accepted TCP connection, plain or TLS: reads into one buffer, writes, and a deadline on every wait.

The socket never blocks; whoever waits does so in ``poll``, which knows no limit of 1,024 descriptors. Only the thread
of the association reads and writes. Another thread may only call ``interrupt``.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from typing_extensions import Buffer

from dicomnet.certificates import PeerCertificate
from dicomnet.tls import certificate_of
from dicomnet.tls_words import failure_in_words

BUFFER_BYTES = 131_072  # 1 MB was half as fast for objects of 10-30 MB: it does not stay in the processor's cache
FIRST_BUFFER_BYTES = 8_192  # until an association stands
WRITE_TIMEOUT_SECONDS = 30
LINGER_SECONDS = 2
PEEK = socket.MSG_PEEK | socket.MSG_DONTWAIT


class ConnectionLost(Exception):
    """The peer closed or reset the connection, or was cut off."""


class Connection:
    """A connection and the bytes of it that were read and not yet consumed.

    Attributes:
        address, port: of the peer; ``local`` has both of our end.
        certificate: what the peer has shown and TLS has verified; None in plain text, and where none was asked for.
        is_tls: it is encrypted.
        heard_at: when (time.monotonic) it was accepted, or bytes of it were last read.
        view: the buffer; unread bytes are ``view[start:end]``.
        interrupted: ``interrupt`` was called.
    """

    def __init__(self, sock: socket.socket, address: str, port: int) -> None:
        sock.setblocking(False)
        with suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.address, self.port = address, port
        self.local: tuple[str, int] = sock.getsockname()[:2]
        self.certificate: PeerCertificate | None = None
        self.is_tls = False
        self.heard_at = time.monotonic()
        self.view = memoryview(bytearray(FIRST_BUFFER_BYTES))
        self.start = self.end = 0
        self.interrupted = False
        self._socket: socket.socket | None = sock
        self._poll = select.poll()
        self._lock = threading.Lock()

    @property
    def raw(self) -> socket.socket | None:
        """The socket; None once closed."""
        return self._socket

    def enlarge(self) -> None:
        """Take the buffer that an established association reads with."""
        unread = self.view[self.start : self.end]
        self.view = memoryview(bytearray(BUFFER_BYTES))
        self.view[: len(unread)] = unread
        self.start, self.end = 0, len(unread)

    def handshake(self, context: ssl.SSLContext, deadline: float) -> None:
        """Make it a TLS connection as the server.

        Raises:
            ConnectionLost: the peer speaks no TLS, no version or suite that we allow, shows no valid certificate, or
                does not answer by the deadline (time.monotonic).
        """
        plain = self._open_socket()
        try:
            wrapped = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        except (OSError, ValueError) as error:
            raise ConnectionLost(f"TLS cannot begin: {error}") from error
        with self._lock:
            self._socket = wrapped
        while True:
            try:
                wrapped.do_handshake()
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, deadline, "the TLS handshake took too long")
            except ssl.SSLWantWriteError:
                self._wait(select.POLLOUT, deadline, "the TLS handshake took too long")
            except OSError as error:
                self.linger()  # with TLS 1.3 a request may have come already; the peer should see why
                raise ConnectionLost(f"TLS handshake failed: {failure_in_words(error)}") from error
            else:
                self.certificate, self.is_tls = certificate_of(wrapped), True
                return

    def fill(self, deadline: float) -> bool:
        """Read what has come, or wait for it; False when nothing came by the deadline (time.monotonic).

        Raises:
            ConnectionLost: there is nothing more to come.
        """
        if self.start == self.end:
            self.start = self.end = 0
        elif self.end == len(self.view):
            unread = bytes(self.view[self.start : self.end])
            self.view[: len(unread)] = unread
            self.start, self.end = 0, len(unread)
        while True:
            try:
                count = self._open_socket().recv_into(self.view[self.end :])
            except (BlockingIOError, ssl.SSLWantReadError):
                if not self._is_ready(select.POLLIN, deadline):
                    return False
            except ssl.SSLWantWriteError:
                if not self._is_ready(select.POLLOUT, deadline):
                    return False
            except OSError as error:
                raise ConnectionLost(str(error.strerror or error)) from error
            else:
                if count == 0:
                    raise ConnectionLost("closed by the peer")
                self.end += count
                self.heard_at = time.monotonic()
                return True

    def write(self, data: Buffer) -> None:
        """Write all of it.

        Raises:
            ConnectionLost: the peer is gone, or takes nothing for WRITE_TIMEOUT_SECONDS.
        """
        rest = memoryview(data).cast("B")
        while rest:
            deadline = time.monotonic() + WRITE_TIMEOUT_SECONDS
            try:
                rest = rest[self._open_socket().send(rest) :]
            except (BlockingIOError, ssl.SSLWantWriteError):
                self._wait(select.POLLOUT, deadline, "the peer takes no answer")
            except ssl.SSLWantReadError:
                self._wait(select.POLLIN, deadline, "the peer takes no answer")
            except OSError as error:
                raise ConnectionLost(str(error.strerror or error)) from error

    def has_unread(self) -> bool:
        """From any thread: bytes have come that nobody has read yet."""
        with self._lock:
            try:
                return self._socket is not None and bool(_peek(self._socket, 1, PEEK))
            except OSError:
                return False

    def interrupt(self) -> None:
        """From any thread: end the wait of the thread that reads; what it reads next is the end of the stream."""
        with self._lock, suppress(OSError):
            self.interrupted = True
            if self._socket is not None:
                _shutdown(self._socket, socket.SHUT_RD)

    def linger(self) -> None:
        """After the last word: say that none follows, and drop what comes until the peer has closed.

        Closing with unread bytes would reset the connection, and the peer might never see the last word.
        """
        with suppress(ConnectionLost, OSError):
            sock = self._open_socket()
            _shutdown(sock, socket.SHUT_WR)
            deadline = time.monotonic() + LINGER_SECONDS
            while self._is_ready(select.POLLIN, deadline) and _receive(sock, FIRST_BUFFER_BYTES):
                pass

    def close(self) -> None:
        """Close at once; may be called again."""
        with self._lock:
            taken, self._socket = self._socket, None
        if taken is not None:
            with suppress(OSError):
                _shutdown(taken, socket.SHUT_RDWR)
            taken.close()

    def _open_socket(self) -> socket.socket:
        if self._socket is None:
            raise ConnectionLost("closed")
        return self._socket

    def _wait(self, events: int, deadline: float, words: str) -> None:
        if not self._is_ready(events, deadline):
            raise ConnectionLost(words)

    def _is_ready(self, events: int, deadline: float) -> bool:
        sock = self._open_socket()
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        if events == select.POLLIN:
            # Re-armed before each wait: a peer with Nagle's algorithm on that writes twice holds the second write
            # back until the first is acknowledged, which costs 40 ms an instance (DCMTK and Orthanc as installed).
            with suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self._poll.register(sock, events)
        return bool(self._poll.poll(left * 1000 + 1))


def _receive(sock: socket.socket, count: int) -> bytes:
    # What is dropped need not be decrypted, and after a failed handshake could not be.
    function: Callable[[socket.socket, int], bytes] = socket.socket.recv
    return function(sock, count)


# SSLSocket's own would end the TLS session under the thread that reads from it, or refuse the flags.
_shutdown: Callable[[socket.socket, int], None] = socket.socket.shutdown
_peek: Callable[[socket.socket, int, int], bytes] = socket.socket.recv
