"""An HTTP service on loopback that answers as it is told, and remembers what it was asked."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from dicomnet.part10 import read_file_meta
from tests.peers import LOOPBACK

PIECE_BYTES = 1 << 18


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    body_bytes: int
    certificate: dict[str, Any] | None = None

    def parts(self) -> list[tuple[str, bytes]]:
        """Content-Type and content of each part of multipart/related."""
        boundary = self.headers["content-type"].partition("boundary=")[2].encode()
        pieces = self.body.split(b"--" + boundary)
        assert pieces[0] == b""
        assert pieces[-1] == b"--\r\n"
        found = []
        for piece in pieces[1:-1]:
            head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
            found.append((head.decode().removeprefix("Content-Type: "), content.removesuffix(b"\r\n")))
        return found


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Answer = Callable[[Request], Reply]


@dataclass
class HttpPeer:
    port: int
    requests: list[Request]

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"


@contextmanager
def http_peer(answer: Answer, *, tls: ssl.SSLContext | None = None, keeps_bodies: bool = True) -> Iterator[HttpPeer]:
    """Run it on a free port."""
    requests: list[Request] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            left = int(self.headers.get("Content-Length", 0))
            size, body = left, bytearray()
            while left:
                piece = self.rfile.read(min(PIECE_BYTES, left))
                if not piece:
                    return
                left -= len(piece)
                if keeps_bodies:
                    body += piece
            shown = self.connection.getpeercert() if isinstance(self.connection, ssl.SSLSocket) else None
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, bytes(body), size, shown)
            requests.append(request)
            reply = answer(request)
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_POST = do_PUT = do_HEAD = do_DELETE = do_GET  # noqa: N815 (as http.server calls it)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield HttpPeer(server.server_address[1], requests)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def uids_of(request: Request, folder: Any) -> list[str]:
    """SOP Instance UIDs of the instances in a STOW-RS request."""
    found = []
    for number, (_, content) in enumerate(request.parts()):
        path = folder / f"part{number}.dcm"
        path.write_bytes(content)
        with path.open("rb") as file:
            found.append(read_file_meta(file).sop_instance_uid)
    return found


def store_answer(
    stored: dict[str, int] | list[str] | None = None, failed: dict[str, int] | None = None, *, status: int = 200
) -> Reply:
    """The answer of a STOW-RS service: status, UIDs that are stored (with a Warning Reason), and those that are not."""
    warnings = stored if isinstance(stored, dict) else dict.fromkeys(stored or [], 0)
    data: dict[str, Any] = {}
    if warnings:
        data["00081199"] = {"vr": "SQ", "Value": [_item(uid, "00081196", code) for uid, code in warnings.items()]}
    if failed:
        data["00081198"] = {"vr": "SQ", "Value": [_item(uid, "00081197", code) for uid, code in failed.items()]}
    return Reply(status, json.dumps(data).encode(), {"Content-Type": "application/dicom+json"})


def _item(uid: str, tag: str, code: int) -> dict[str, Any]:
    item: dict[str, Any] = {"00081155": {"vr": "UI", "Value": [uid]}}
    return item | ({tag: {"vr": "US", "Value": [code]}} if code else {})
