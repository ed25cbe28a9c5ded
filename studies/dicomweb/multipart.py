"""Answers in several parts, written piece by piece: memory stays flat (PS3.18 8.6.1.2, RFC 2046 5.1)."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.http import StreamingHttpResponse


@dataclass(frozen=True)
class Part:
    """One part.

    Attributes:
        content_type: with its parameters.
        size_bytes: of what ``pieces`` yields.
        location: Content-Location; empty: none.
    """

    content_type: str
    size_bytes: int
    pieces: Iterable[bytes]
    location: str = ""

    def head(self, boundary: str) -> bytes:
        """Delimiter and header fields."""
        where = f"Content-Location: {self.location}\r\n" if self.location else ""
        return (
            f"--{boundary}\r\nContent-Type: {self.content_type}\r\nContent-Length: {self.size_bytes}\r\n{where}\r\n"
        ).encode("ascii")


def multipart_response(
    parts: Iterable[Part], *, media_type: str, size_of: Iterable[Part] = (), status: int = 200
) -> StreamingHttpResponse:
    """``multipart/related`` of these parts, each taken when its turn comes.

    Args:
        media_type: of the parts.
        size_of: the same parts when they are all known beforehand: then the answer has a Content-Length, by which a
            client sees that it was cut off.
    """
    boundary = f"gantry-{secrets.token_hex(12)}"
    end = f"--{boundary}--\r\n".encode()
    response = StreamingHttpResponse(
        _pieces(parts, boundary, end),
        status=status,
        content_type=f'multipart/related; type="{media_type}"; boundary={boundary}',
    )
    sizes = [len(part.head(boundary)) + part.size_bytes + 2 for part in size_of]
    if sizes:
        response["Content-Length"] = str(sum(sizes) + len(end))
    return response


def _pieces(parts: Iterable[Part], boundary: str, end: bytes) -> Iterator[bytes]:
    for part in parts:
        yield part.head(boundary)
        yield from part.pieces
        yield b"\r\n"
    yield end
