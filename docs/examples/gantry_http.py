"""How gantry_client signs in, what it raises, and when it tries again."""

import threading
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from gantry_forms import Tokens

PIECE_BYTES = 1 << 20
_END = b"\r\n"
_SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_LONGEST_PAUSE_SECONDS = 30.0


class Problem(Exception):
    """An answer that is an error (RFC 9457).

    Attributes:
        status: of HTTP.
        type: such as ``/problems/validation``; programs go by it, for it does not change.
        errors: messages by field, of ``/problems/validation``.
        response: the whole answer.
    """

    def __init__(self, response: httpx.Response) -> None:
        said = _said(response)
        self.response = response
        self.status = response.status_code
        self.type = str(said.get("type", "about:blank"))
        self.title = str(said.get("title", response.reason_phrase))
        self.detail = str(said.get("detail", ""))
        self.errors: dict[str, Any] = said.get("errors", {})
        super().__init__(f"{self.status} {self.title}: {self.detail} {self.errors or ''}".strip())

    @classmethod
    def of(cls, response: httpx.Response) -> "Problem":
        """The error of an answer whose body was read, as its own class where there is one."""
        kinds = {400: NotValid, 401: NotSignedIn, 403: NotAllowed, 404: NotFound, 409: Conflict}
        return kinds.get(response.status_code, Problem)(response)


class NotValid(Problem):
    """The request is not valid; ``errors`` says which field."""


class NotSignedIn(Problem):
    """No key or password, or a wrong one."""


class NotAllowed(Problem):
    """The role does not allow it."""


class NotFound(Problem):
    """There is no such thing, or not any more."""


class Conflict(Problem):
    """The state of the thing does not allow it."""


class ApiKey(httpx.Auth):
    """For programs: a key from *API keys*."""

    def __init__(self, key: str) -> None:
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the key with every request."""
        request.headers["Authorization"] = f"Api-Key {self._key}"
        yield request


class SignIn(httpx.Auth):
    """For programs that act for a person: signs in when it is needed, and renews its tokens when they are over."""

    def __init__(self, url: str, username: str, password: str, otp: str = "") -> None:
        self._url = f"{url.rstrip('/')}/api/v1/auth"
        self._given = {"username": username, "password": password} | ({"otp": otp} if otp else {})
        self._tokens: Tokens | None = None
        # A refresh token that is sent twice counts as stolen: only one thread may renew.
        self._lock = threading.Lock()

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the access token; when it is over, renew it and ask once more."""
        with self._lock:
            tokens = self._tokens or (yield from self._ask("login", self._given))
        response = yield _with_token(request, tokens)
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        with self._lock:
            if self._tokens is tokens:
                yield from self._ask("refresh", {"refresh": tokens["refresh"]})
            tokens = self._tokens or tokens
        yield _with_token(request, tokens)

    def _ask(self, way: str, given: dict[str, str]) -> Generator[httpx.Request, httpx.Response, Tokens]:
        response = yield httpx.Request("POST", f"{self._url}/{way}", json=given)
        response.read()
        if not response.is_success:
            self._tokens = None
            raise Problem.of(response)
        found: Tokens = response.json()
        self._tokens = found
        return found


class Parts:
    """Files as ``multipart/related`` (PS3.18 8.6.1.2.1), a piece at a time; may be sent again from the beginning."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._boundary = uuid4().hex

    @property
    def content_type(self) -> str:
        """The header that goes with it."""
        return f'multipart/related; type="application/dicom"; boundary={self._boundary}'

    @property
    def size_bytes(self) -> int:
        """Of all that is sent."""
        heads = len(self._files) * len(self._head + _END)
        return heads + sum(path.stat().st_size for path in self._files) + len(self._tail)

    def __iter__(self) -> Iterator[bytes]:
        for path in self._files:
            yield self._head
            with path.open("rb") as file:
                while piece := file.read(PIECE_BYTES):
                    yield piece
            yield _END
        yield self._tail

    @property
    def _head(self) -> bytes:
        return f"--{self._boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()

    @property
    def _tail(self) -> bytes:
        return f"--{self._boundary}--\r\n".encode()


def seconds_to_wait(response: httpx.Response, tries: int) -> float | None:
    """How long to wait before a request is sent again; None: it is not.

    After 429 and 503, as ``Retry-After`` says. A server that does not say it may have done a part of what was asked:
    then only what can be repeated without harm is, after 1, 2, 4 … 30 seconds.
    """
    if response.status_code not in {httpx.codes.TOO_MANY_REQUESTS, httpx.codes.SERVICE_UNAVAILABLE}:
        return None
    told = response.headers.get("Retry-After", "")
    if told.isdecimal():
        return float(told)
    return min(2.0**tries, _LONGEST_PAUSE_SECONDS) if response.request.method in _SAFE_TO_REPEAT else None


def _with_token(request: httpx.Request, tokens: Tokens) -> httpx.Request:
    request.headers["Authorization"] = f"Bearer {tokens['access']}"
    return request


def _said(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
