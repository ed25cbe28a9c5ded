"""A small HTTP proxy before a real S3 service that misbehaves as it is told, and has cold storage as AWS has it.

Moto knows restored objects, but none whose restore is still going on, and it takes bodies that were cut.
"""

import http.client
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.peers import LOOPBACK

COLD = frozenset({"GLACIER", "DEEP_ARCHIVE"})
EXPIRES = "Fri, 21 Dec 2035 00:00:00 GMT"


@dataclass(frozen=True)
class Call:
    """What the client asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Back:
    """What it is answered.

    Attributes:
        sent_bytes: so many of the body, then the connection is reset; None: all.
        bytes_per_second: of the body; None: as fast as it goes.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    sent_bytes: int | None = None
    bytes_per_second: int | None = None


@dataclass
class BadS3:
    """The proxy.

    Attributes:
        before: sees each call; what it returns is the answer, and the service hears nothing.
        passes: changes a call on its way to the service.
        after: sees each answer of the service, and may change it.
        calls: methods with paths, in their order.
    """

    port: int
    before: Callable[[Call], Back | None] = lambda _: None
    passes: Callable[[Call], Call] = lambda call: call
    after: Callable[[Call, Back], Back] = lambda _, back: back
    has_cold_storage: bool = False
    calls: list[str] = field(default_factory=list)
    restores: dict[str, str] = field(default_factory=dict)  # by path: ongoing, or ready

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def restored(self) -> None:
        """Hours have passed: what was asked for can be read."""
        self.restores = dict.fromkeys(self.restores, "ready")

    def asked(self, method: str, query: str = "") -> int:
        """How many calls of a method came, with this in their address."""
        return sum(call.startswith(f"{method} ") and query in call for call in self.calls)


def refusal(status: int, code: str, **headers: str) -> Back:
    """An error as S3 says it."""
    body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>No.</Message></Error>'.encode()
    return Back(status, {"Content-Type": "application/xml"} | headers, body)


def times(count: int, back: Back, *methods: str) -> Callable[[Call], Back | None]:
    """The same answer to the first calls, all or those of some methods; after that, the service answers."""
    left = iter(range(count))

    def before(call: Call) -> Back | None:
        if methods and call.method not in methods:
            return None
        return None if next(left, None) is None else replace(back, headers=dict(back.headers))

    return before


@contextmanager
def bad_s3(service: str) -> Iterator[BadS3]:
    """Run one before a service."""
    place = urlsplit(service).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = Call(self.command, self.path, dict(self.headers.items()), body)
            proxy.calls.append(f"{call.method} {call.path}")
            back = proxy.before(call) or proxy.after(call, _answer(proxy, place, call))
            self.send_response(back.status)
            length = back.headers.pop("Content-Length", str(len(back.body)))
            for name, value in back.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self._send(back)

        do_POST = do_PUT = do_HEAD = do_DELETE = do_GET  # noqa: N815 (as http.server calls it)

        def _send(self, back: Back) -> None:
            body = back.body if back.sent_bytes is None else back.body[: back.sent_bytes]
            step = back.bytes_per_second or len(body) or 1
            try:
                for start in range(0, len(body), step):
                    self.wfile.write(body[start : start + step])
                    if back.bytes_per_second:
                        time.sleep(1)
            except OSError:  # the client has given up
                self.close_connection = True
            if back.sent_bytes is not None:
                self.wfile.flush()
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # of connections that were reset
    proxy = BadS3(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(proxy: BadS3, place: str, call: Call) -> Back:
    if not proxy.has_cold_storage:
        return _forward(place, proxy.passes(call))
    path = call.path.partition("?")[0]
    if call.method == "POST" and call.path.endswith("?restore"):
        return _restore(proxy, place, call)
    if call.method == "PUT" and "x-amz-copy-source" not in call.headers:
        proxy.restores.pop(path, None)
    if call.method == "GET" and "?" not in call.path and _is_cold(place, call) and proxy.restores.get(path) != "ready":
        return refusal(403, "InvalidObjectState")
    if call.method == "GET" and "?" not in call.path:
        return _forward(place, call, class_check=False)
    back = _forward(place, call)
    state = proxy.restores.get(path)
    if call.method == "HEAD" and state:
        ready = f'ongoing-request="false", expiry-date="{EXPIRES}"'
        back.headers["x-amz-restore"] = ready if state == "ready" else 'ongoing-request="true"'
    return back


def _restore(proxy: BadS3, place: str, call: Call) -> Back:
    path = call.path.partition("?")[0]
    if not _is_cold(place, call):
        return refusal(403, "InvalidObjectState")
    if proxy.restores.get(path) == "ongoing":
        return refusal(409, "RestoreAlreadyInProgress")
    was = proxy.restores.setdefault(path, "ongoing")
    return Back(200 if was == "ready" else 202, {}, b"")


def _is_cold(place: str, call: Call) -> bool:
    asked = Call("HEAD", call.path.partition("?")[0], _who(call), b"")
    return _forward(place, asked).headers.get("x-amz-storage-class") in COLD


def _who(call: Call) -> dict[str, str]:
    """Moto tells nothing to strangers."""
    return {name: value for name, value in call.headers.items() if name.lower() == "authorization"}


def _forward(place: str, call: Call, *, class_check: bool = True) -> Back:
    """Carry a call to the service; moto gives out a cold object only when it was restored there."""
    if not class_check and _is_cold(place, call):
        body = b'<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Days>1</Days></RestoreRequest>'
        _forward(place, Call("POST", f"{call.path}?restore", _who(call), body))
    connection = http.client.HTTPConnection(place, timeout=60)
    headers = {name: value for name, value in call.headers.items() if name.lower() != "content-length"}
    try:
        connection.request(call.method, call.path, call.body or None, headers | {"Content-Length": str(len(call.body))})
        answer = connection.getresponse()
        body = answer.read()
        found = {name: value for name, value in answer.getheaders() if not re.fullmatch(_OWN, name, re.IGNORECASE)}
        if call.method == "HEAD" and (length := answer.getheader("Content-Length")):
            found["Content-Length"] = length
        return Back(answer.status, found, body)
    finally:
        connection.close()


_OWN = "content-length|connection|server|date|transfer-encoding|x-amz-restore"
