"""A connection that we opened: no call blocks but ``wait``, which has a deadline; plain TCP or TLS (PS3.8 9.1.4)."""

import contextlib
import os
import select
import socket
import ssl
import time
from collections.abc import Callable

from typing_extensions import Buffer

from dicomnet.tls_words import failure_in_words, refusal_in_words
from dicomnet.wire.peer import Peer, PeerError

RECEIVE_BYTES = 65_536
_IN = select.POLLIN | select.POLLHUP | select.POLLERR
_OUT = select.POLLOUT | select.POLLHUP | select.POLLERR


class Channel:
    """Bytes to and from one peer; of one thread at a time.

    Attributes:
        is_tls: file bytes must pass through our hands to be encrypted.
    """

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self.socket = connection
        self.is_tls = isinstance(connection, ssl.SSLSocket)
        self._pending: Callable[[], int] | None = connection.pending if isinstance(connection, ssl.SSLSocket) else None
        self._fd = connection.fileno()
        self._poll = select.poll()
        self._poll.register(self._fd, 0)
        self._polled = 0
        # What TLS waits for before it can go on: a write may first have to read, and the other way about.
        self._to_read, self._to_write = select.POLLIN, select.POLLOUT
        self._user_timeout_seconds = 0.0

    def wait(self, deadline: float, *, to_write: bool = False) -> tuple[bool, bool]:
        """Wait until there is something to read or, if wanted, room to write.

        Args:
            deadline: of ``time.monotonic``.
            to_write: wait for room, too.

        Returns:
            (may read, may write); both False when the deadline has passed.
        """
        if self._pending is not None and self._pending():
            return True, False
        if not to_write:
            # Re-armed before each wait: a peer with Nagle's algorithm on that answers in two writes holds the
            # second back until the first is acknowledged, which costs 40 ms per object (DCMTK as installed).
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        wanted = self._to_read | (self._to_write if to_write else 0)
        if wanted != self._polled:
            self._poll.modify(self._fd, wanted)
            self._polled = wanted
        left = deadline - time.monotonic()
        found = self._poll.poll(max(left, 0) * 1000)
        if not found:
            return False, False
        events = found[0][1]
        ends = _IN & _OUT
        return bool(events & (self._to_read | ends)), to_write and bool(events & (self._to_write | ends))

    def receive(self) -> bytes | None:
        """What has come; empty at the end of the connection, None when nothing has.

        Raises:
            OSError: the connection broke.
        """
        try:
            data = self.socket.recv(RECEIVE_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._to_read = select.POLLIN
            return None
        except ssl.SSLWantWriteError:
            self._to_read = select.POLLOUT
            return None
        except ssl.SSLEOFError:
            return b""
        self._to_read = select.POLLIN
        return data

    def send(self, data: Buffer, flags: int = 0) -> int:
        """Write what there is room for, which may be nothing.

        Args:
            data: bytes; over TLS the same again after a 0.
            flags: of ``send(2)``; only for plain TCP.

        Raises:
            OSError: the connection broke.
        """
        try:
            count = self.socket.send(data, flags)
        except (BlockingIOError, ssl.SSLWantWriteError):
            self._to_write = select.POLLOUT
            return 0
        except ssl.SSLWantReadError:
            self._to_write = select.POLLIN
            return 0
        self._to_write = select.POLLOUT
        return count

    def send_file(self, fd: int, offset: int, count: int) -> int | None:
        """Write file bytes without taking them into our memory; plain TCP only.

        Returns:
            How many were taken: None when there is no room, 0 when the file ends before ``offset``.
        """
        try:
            return os.sendfile(self._fd, fd, offset, count)
        except BlockingIOError:
            return None

    def send_all(self, data: bytes, deadline: float) -> None:
        """Write a short message whole.

        Raises:
            TimeoutError: the peer did not take it in time.
            OSError: the connection broke.
        """
        left = memoryview(data)
        while left:
            count = self.send(left)
            left = left[count:]
            if not count and not self.wait(deadline, to_write=True)[1] and time.monotonic() > deadline:
                raise TimeoutError("timed out")

    def limit_silence(self, seconds: float) -> None:
        """End the connection when the peer's machine acknowledges nothing for so long.

        A write into a buffer with room would not notice that it is gone.
        """
        if seconds != self._user_timeout_seconds:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))
            self._user_timeout_seconds = seconds

    def is_quiet(self) -> bool:
        """Nothing has come, neither bytes nor an end: an idle association can still be used."""
        try:
            # TLS has messages of its own, which end in nothing for us.
            return not self.wait(0)[0] or self.receive() is None
        except OSError:
            return False

    def close(self) -> None:
        """Close the connection; nothing is said."""
        self.socket.close()


def connect(peer: Peer) -> Channel:
    """Connect to a peer, and shake hands by TLS when it wants that.

    Raises:
        PeerError: it cannot be reached, or is not to be trusted; in words.
    """
    try:
        connection = _dial(peer)
    except TimeoutError as error:
        words = f"{peer} did not answer: no connection within {peer.connect_timeout_seconds:g} s"
        raise PeerError(words) from error
    except ConnectionRefusedError as error:
        raise PeerError(f"{peer} did not answer: nobody listens there") from error
    except (OSError, UnicodeError, OverflowError) as error:
        raise PeerError(f"{peer} cannot be called: {reason_of(error)}") from error
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return Channel(_shake_hands(peer, connection))
    except OSError as error:
        connection.close()
        raise PeerError(f"{peer} closed the connection ({reason_of(error)})") from error
    except PeerError:
        connection.close()
        raise


def _dial(peer: Peer) -> socket.socket:
    """Connect to the first of its addresses that answers, all within the time for one."""
    deadline = time.monotonic() + peer.connect_timeout_seconds
    *others, last = peer.addresses or (peer.host,)
    for address in others:
        with contextlib.suppress(OSError):
            return socket.create_connection((address, peer.port), peer.connect_timeout_seconds / (len(others) + 1))
    return socket.create_connection((last, peer.port), max(deadline - time.monotonic(), 0.1))


def _shake_hands(peer: Peer, connection: socket.socket) -> socket.socket:
    if peer.tls is None:
        return connection
    try:
        return peer.tls.wrap_socket(connection, server_hostname=peer.tls_server_name or peer.host)
    except OSError as error:  # first: a certificate that does not verify is a ValueError too
        raise PeerError(f"TLS with {peer} failed: {failure_in_words(error)}") from error
    except ValueError as error:  # no name that TLS could ask for
        raise PeerError(f"{peer} cannot be called: {error}") from error


def reason_of(error: Exception) -> str:
    """An error of the socket or of TLS in few words."""
    if isinstance(error, ssl.SSLError):
        return refusal_in_words(error)
    return (error.strerror if isinstance(error, OSError) else "") or str(error)
