"""One connection to the receiver for each batch, whose orderly end is the only receipt that syslog has.

Syslog answers nothing, and what a socket took may never have been read. So after a batch the stream is closed, and
the receiver has to close it too: that it did so, and all bytes were acknowledged without a reset, means that its
process read them (a kernel that drops unread bytes resets the connection).
"""

import fcntl
import socket
import ssl
import struct
import termios
import time
from functools import lru_cache

from dicomnet.tls import Reloading, TlsFiles, client_context

PIECE = 1 << 16


class NotTold(Exception):
    """The receiver has not proved that it read the batch; the message is one sentence for people."""


def send(content: bytes, receiver: tuple[str, str, int], files: TlsFiles, *, seconds: float) -> None:
    """Send a batch, and wait until the receiver has read it.

    Args:
        content: framed messages.
        receiver: ``tls`` or ``tcp``, host, port.
        files: what to show and trust over TLS.
        seconds: for all of it.

    Raises:
        NotTold: it may have been read in part, or wholly.
        BadTlsFile: a file cannot be used.
    """
    scheme, host, port = receiver
    until = time.monotonic() + seconds
    context = _context(files).current() if scheme == "tls" else None
    try:
        with socket.create_connection((host, port), timeout=seconds) as plain:
            if context is not None:
                with context.wrap_socket(plain, server_hostname=host) as connection:
                    _write(connection, content, until)
                    _end_tls(connection, until)
            else:
                _write(plain, content, until)
                plain.shutdown(socket.SHUT_WR)
                _await_end(plain, until)
    except ssl.SSLCertVerificationError as error:
        raise NotTold(f"The certificate of {host} is not accepted: {error.verify_message}.") from error
    except TimeoutError as error:
        raise NotTold(f"{host}:{port} did not take the records in {seconds:.0f} s, or did not close.") from error
    except OSError as error:
        raise NotTold(f"The connection to {host}:{port} failed: {error.strerror or type(error).__name__}.") from error


@lru_cache(maxsize=1)
def _context(files: TlsFiles) -> Reloading:
    return Reloading(files, client_context)


def _write(connection: socket.socket, content: bytes, until: float) -> None:
    """In pieces, so that a receiver which takes a little now and then is given up in time too."""
    view = memoryview(content)
    for start in range(0, len(view), PIECE):
        connection.settimeout(_left(until))
        connection.sendall(view[start : start + PIECE])
    if _has_ended(connection):
        raise ConnectionAbortedError(None, "the receiver closed before it had all")


def _has_ended(connection: socket.socket) -> bool:
    """Whether the receiver closed; what it says otherwise, such as session tickets of TLS, is passed over."""
    connection.settimeout(0)
    try:
        return connection.recv(PIECE) == b""
    except (BlockingIOError, ssl.SSLWantReadError):
        return False


def _end_tls(connection: ssl.SSLSocket, until: float) -> None:
    """Say that all was sent (close_notify), which RFC 5425 4.4 has the receiver answer; many close without a word."""
    connection.settimeout(_left(until))
    try:
        connection.unwrap()
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        _await_acknowledged(connection, until)
    except ssl.SSLSyscallError as error:
        raise ConnectionResetError(None, "the receiver broke off") from error
    else:
        connection.shutdown(socket.SHUT_WR)
        _await_end(connection, until)


def _await_end(connection: socket.socket, until: float) -> None:
    connection.settimeout(_left(until))
    while connection.recv(PIECE):
        connection.settimeout(_left(until))
    _await_acknowledged(connection, until)


def _await_acknowledged(connection: socket.socket, until: float) -> None:
    """Until the other kernel has acknowledged every byte.

    Raises:
        OSError: it reset the connection: its process did not read them all.
    """
    while True:
        error = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, "the receiver broke off")
        unacknowledged = struct.unpack("i", fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, b"\0" * 4))[0]
        if not unacknowledged:
            return
        _left(until)
        time.sleep(0.01)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
