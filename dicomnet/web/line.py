"""The line to an HTTP service: at checked addresses, every wait within one deadline, its failures in words."""

import math
import ssl
import time
from contextlib import suppress
from typing import Any

import httpcore

from dicomnet.tls_words import failure_in_words, refusal_in_words

CONNECT_SECONDS = 10.0
WRITE_BYTES = 65_536  # between two looks at the clock


class HttpError(Exception):
    """The service could not be reached, or was lost before it had answered; in words without secrets.

    Attributes:
        has_begun: the request's content was under way.
    """

    def __init__(self, message: str, *, has_begun: bool = False) -> None:
        super().__init__(message)
        self.has_begun = has_begun


def in_words(error: Exception) -> str:
    """What became of a call, as httpcore tells it."""
    cause = _cause_of(error)
    if isinstance(error, httpcore.ConnectTimeout):
        return f"did not answer: no connection within {CONNECT_SECONDS:g} s"
    if isinstance(error, httpcore.TimeoutException):
        return "did not answer in time" if isinstance(error, httpcore.ReadTimeout) else "took nothing more for too long"
    if isinstance(cause, ConnectionRefusedError):
        return "did not answer: nobody listens there"
    if isinstance(error, httpcore.ConnectError) and cause is not None:
        return f"cannot be called: {cause.strerror or cause}"
    if isinstance(error, httpcore.ProtocolError):
        return "closed the connection without an answer, or does not speak HTTP there"
    return f"closed the connection ({refusal_in_words(cause) if cause is not None else 'it broke'})"


def _cause_of(error: Exception) -> OSError | None:
    """The socket's or TLS's own error, which httpcore makes the value of its own."""
    cause = error.args[0] if error.args else None
    return cause if isinstance(cause, OSError) else None


class Line(httpcore.NetworkBackend):
    """Connects to one of the addresses that were checked, and holds every read and write to one deadline."""

    def __init__(self, authority: str, addresses: tuple[str, ...], *, whole_seconds: float = math.inf) -> None:
        self.authority = authority
        self._addresses = addresses
        self._deadline = 0.0
        self._end = time.monotonic() + whole_seconds

    def give(self, seconds: float) -> None:
        """So long from now, if the whole has as long."""
        self._deadline = min(time.monotonic() + seconds, self._end)

    def left(self) -> float:
        """Seconds to the deadline; short, but not zero, when it has passed."""
        return max(self._deadline - time.monotonic(), 0.001)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Any = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first that answers; the host's name is not asked for again."""
        backend = httpcore.SyncBackend()
        *others, last = self._addresses
        seconds = min(timeout or CONNECT_SECONDS, self.left()) / len(self._addresses)
        for address in others:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return _Stream(backend.connect_tcp(address, port, seconds, None, socket_options), self)
        return _Stream(backend.connect_tcp(last, port, seconds, None, socket_options), self)


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends with the deadline of the line."""

    def __init__(self, stream: httpcore.NetworkStream, line: Line) -> None:
        self._stream, self._line = stream, line

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come."""
        return self._stream.read(max_bytes, self._line.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """In pieces, with a look at the clock before each: a peer may take a byte now and then for ever."""
        view = memoryview(buffer)
        for start in range(0, len(view), WRITE_BYTES):
            self._stream.write(bytes(view[start : start + WRITE_BYTES]), self._line.left())

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Shake hands."""
        try:
            return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._line)
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            words = failure_in_words(_cause_of(error) or TimeoutError())
            raise HttpError(f"TLS with {self._line.authority} failed: {words}") from error
        except ValueError as error:  # no name that TLS could ask for
            raise HttpError(f"{self._line.authority} cannot be called: {error}") from error

    def get_extra_info(self, info: str) -> Any:
        """Of the socket."""
        return self._stream.get_extra_info(info)
