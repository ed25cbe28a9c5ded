"""Call one HTTP service (RFC 9110, RFC 9112): at addresses that were checked, within deadlines, as whom it is for.

No redirect is followed, no proxy or password of the environment is used, no cookie is kept: what is sent goes to the
origin of the destination's URL and nowhere else.
"""

import math
import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import httpcore

from dicomnet.web.addresses import BadAddress, Url, resolve
from dicomnet.web.line import CONNECT_SECONDS, HttpError, Line, in_words

__all__ = ["Answer", "Caller", "HttpError", "Streamed"]

MINIMUM_BYTES_PER_SECOND = 50_000  # as over DIMSE: what takes longer is a peer that has stopped
GRACE_SECONDS, SLOWEST_BYTES_PER_SECOND = 60, 4_096  # of a body that is streamed


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
        whole_seconds: float = math.inf,
        tls: ssl.SSLContext | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Find out where the service is.

        Args:
            url: of the service.
            timeout_seconds: for each step, besides the time that the size of what is sent needs.
            whole_seconds: for all requests together, once the name's addresses are known.
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
        self._line = Line(url.authority, addresses, whole_seconds=whole_seconds)
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
            raise HttpError(f"{self.url.authority} {in_words(error)}", has_begun=sending.has_begun) from error

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
            raise HttpError(f"{self.url.authority} {in_words(error)}") from error
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

    def __init__(self, response: httpcore.Response, line: Line, timeout_seconds: float) -> None:
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


class _Sending:
    """A request's content, and when it began and ended."""

    def __init__(self, content: Iterable[bytes], line: Line, patience_seconds: float) -> None:
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
