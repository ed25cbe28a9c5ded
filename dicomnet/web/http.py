"""Call one HTTP service (RFC 9110, RFC 9112): at addresses that were checked, within deadlines, as whom it is for.

No redirect is followed, no proxy or password of the environment is used, no cookie is kept: what is sent goes to the
origin of the destination's URL and nowhere else.
"""

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpcore

from dicomnet.tls_words import failure_in_words, refusal_in_words
from dicomnet.web.addresses import BadAddress, Url, resolve

CONNECT_SECONDS = 10.0
MINIMUM_BYTES_PER_SECOND = 50_000  # as over DIMSE: what takes longer is a peer that has stopped
GRACE_SECONDS, SLOWEST_BYTES_PER_SECOND = 60, 4_096  # of a body that is streamed
WRITE_BYTES = 65_536  # between two looks at the clock


class HttpError(Exception):
    """The service could not be reached, or was lost before it had answered; in words without secrets.

    Attributes:
        has_begun: the request's content was under way.
    """

    def __init__(self, message: str, *, has_begun: bool = False) -> None:
        super().__init__(message)
        self.has_begun = has_begun


@dataclass(frozen=True)
class Answer:
    """A response whose body is not longer than was asked for.

    Attributes:
        headers: by name in small letters; of several the last.
        is_whole: all of the body is there.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    is_whole: bool


class Caller:
    """A connection to one service, opened with the first request; a context manager that closes it."""

    def __init__(
        self,
        url: Url,
        *,
        timeout_seconds: float,
        tls: ssl.SSLContext | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Find out where the service is.

        Args:
            url: of the service.
            timeout_seconds: for each step, besides the time that the size of what is sent needs.
            tls: for https.
            headers: sent with each request, such as Authorization.

        Raises:
            HttpError: the name is not known, or Gantry does not call there.
        """
        self.url = url
        self._headers = headers or {}
        self._timeout_seconds = timeout_seconds
        try:
            addresses = resolve(url.host, url.port, is_plain_http=not url.is_encrypted)
        except BadAddress as error:
            raise HttpError(f"{url.authority} is not called: {error}") from error
        except OSError as error:
            raise HttpError(f"{url.authority} cannot be called: {error.strerror or error}") from error
        self._line = _Line(url.authority, addresses)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls,
            max_connections=1,
            keepalive_expiry=5,
            network_backend=self._line,
            socket_options=[(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)],
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connection."""
        self._pool.close()

    def request(
        self,
        method: str,
        target: str,
        *,
        headers: dict[str, str] | None = None,
        content: Iterable[bytes] = (),
        length: int = 0,
        limit: int = 65_536,
    ) -> Answer:
        """Send one request and read its answer.

        Args:
            method: of HTTP.
            target: path and query, from the root of the server.
            headers: besides those of every request.
            content: the body in pieces; what it raises is raised here.
            length: of the body in bytes.
            limit: so many bytes of the answer's body are read.

        Raises:
            HttpError: there is no answer.
        """
        sending = _Sending(content, self._line, self._timeout_seconds + length / MINIMUM_BYTES_PER_SECOND)
        request = httpcore.Request(
            method,
            httpcore.URL(scheme=self.url.scheme, host=self.url.host, port=self.url.port, target=target),
            headers=self._all_headers(headers or {}, length, has_body=method in {"POST", "PUT"}),
            content=sending,
            extensions={"timeout": dict.fromkeys(("connect", "pool"), CONNECT_SECONDS)},
        )
        self._line.give(sending.patience_seconds + CONNECT_SECONDS)
        try:
            response = self._pool.handle_request(request)
            try:
                self._line.give(self._timeout_seconds + _announced(response, limit) / MINIMUM_BYTES_PER_SECOND)
                return _answer(response, limit)
            finally:
                response.close()
        except HttpError as error:
            raise HttpError(str(error), has_begun=sending.has_begun) from error
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise HttpError(f"{self.url.authority} {_in_words(error)}", has_begun=sending.has_begun) from error

    @contextmanager
    def stream(self, target: str, *, headers: dict[str, str] | None = None) -> "Iterator[Streamed]":
        """GET something that may be long; its body is read piece by piece, within the block.

        Args:
            target: path and query, from the root of the server.
            headers: besides those of every request.

        Raises:
            HttpError: there is no answer; inside the block, the body breaks off.
        """
        request = httpcore.Request(
            "GET",
            httpcore.URL(scheme=self.url.scheme, host=self.url.host, port=self.url.port, target=target),
            headers=self._all_headers(headers or {}, 0, has_body=False),
            extensions={"timeout": dict.fromkeys(("connect", "pool"), CONNECT_SECONDS)},
        )
        self._line.give(self._timeout_seconds + CONNECT_SECONDS)
        try:
            response = self._pool.handle_request(request)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise HttpError(f"{self.url.authority} {_in_words(error)}") from error
        try:
            yield Streamed(response, self._line, self._timeout_seconds)
        finally:
            with suppress(httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
                response.close()

    def _all_headers(self, headers: dict[str, str], length: int, *, has_body: bool) -> list[tuple[bytes, bytes]]:
        own = {"Host": self.url.authority, "User-Agent": "Gantry", "Accept-Encoding": "identity"}
        body = {"Content-Length": str(length)} if has_body else {}
        return [(name.encode(), value.encode()) for name, value in (own | self._headers | headers | body).items()]


class Streamed:
    """A response whose body is still coming.

    Attributes:
        headers: by name in small letters; of several the last.
        size_bytes: of the body as far as it was read.
    """

    def __init__(self, response: httpcore.Response, line: "_Line", timeout_seconds: float) -> None:
        self.status = response.status
        self.headers = _headers_of(response)
        self.size_bytes = 0
        self._pieces = response.iter_stream()
        self._line, self._timeout_seconds = line, timeout_seconds
        self._began = time.monotonic()

    def read(self, count: int) -> bytes:
        """The next bytes of the body, some tens of kilobytes, whatever ``count`` is; none at its end.

        Raises:
            HttpError: it breaks off, nothing comes for too long, or it comes too slowly.
        """
        self._line.give(self._timeout_seconds)
        seconds = time.monotonic() - self._began
        if seconds > GRACE_SECONDS and self.size_bytes < seconds * SLOWEST_BYTES_PER_SECOND:
            raise HttpError(f"{self._line.authority} sends too slowly", has_begun=True)
        try:
            piece = next(self._pieces, b"")
        except httpcore.TimeoutException as error:
            words = f"sent nothing more for {self._timeout_seconds:g} s"
            raise HttpError(f"{self._line.authority} {words}", has_begun=True) from error
        except (httpcore.NetworkError, httpcore.ProtocolError) as error:
            words = f"closed the connection after {self.size_bytes:,} bytes, before its answer was whole"
            raise HttpError(f"{self._line.authority} {words}", has_begun=True) from error
        self.size_bytes += len(piece)
        return piece


def _headers_of(response: httpcore.Response) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}


def _announced(response: httpcore.Response, limit: int) -> int:
    """How many bytes of the answer's body are to come and are read; what announces nothing is short."""
    lengths = [value for name, value in response.headers if name.lower() == b"content-length" and value.isdigit()]
    return min(int(lengths[0]), limit) if lengths else 0


def _answer(response: httpcore.Response, limit: int) -> Answer:
    body, is_whole = bytearray(), True
    for piece in response.iter_stream():
        body += piece
        if len(body) > limit:
            is_whole = False
            break
    return Answer(response.status, _headers_of(response), bytes(body[:limit]), is_whole)


def _in_words(error: Exception) -> str:
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


class _Sending:
    """A request's content, and when it began and ended."""

    def __init__(self, content: Iterable[bytes], line: "_Line", patience_seconds: float) -> None:
        self._content, self._line = content, line
        self.patience_seconds = patience_seconds
        self.has_begun = False

    def __iter__(self) -> Iterator[bytes]:
        self._line.give(self.patience_seconds)
        for piece in self._content:
            self.has_begun = True
            yield piece
        # Whoever has taken all of it may need as long again to store it.
        self._line.give(self.patience_seconds)


class _Line(httpcore.NetworkBackend):
    """Connects to one of the addresses that were checked, and holds every read and write to one deadline."""

    def __init__(self, authority: str, addresses: tuple[str, ...]) -> None:
        self.authority = authority
        self._addresses = addresses
        self._deadline = 0.0

    def give(self, seconds: float) -> None:
        """So long from now."""
        self._deadline = time.monotonic() + seconds

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
        seconds = (timeout or CONNECT_SECONDS) / len(self._addresses)
        for address in others:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                return _Stream(backend.connect_tcp(address, port, seconds, None, socket_options), self)
        return _Stream(backend.connect_tcp(last, port, seconds, None, socket_options), self)


class _Stream(httpcore.NetworkStream):
    """A connection whose every wait ends with the deadline of the line."""

    def __init__(self, stream: httpcore.NetworkStream, line: _Line) -> None:
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
