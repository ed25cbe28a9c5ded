"""The parts of a multipart request as they come in: a piece at a time, within limits (RFC 2046 5.1, PS3.18 8.6.1.2)."""

import re
from collections.abc import Callable, Iterator
from email.message import Message

PIECE_BYTES = 1 << 18
MAXIMUM_HEAD_BYTES = 16_384  # header fields of one part
MAXIMUM_PREAMBLE_BYTES = 65_536
# RFC 2046 5.1.1: 1 to 70 of these, not ending in a space.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_END_OF_LINE = b"\r\n"


class BadMultipart(ValueError):
    """The body is not what its Content-Type says; the message says where."""


class MultipartReader:
    """Walks over the parts of one body, once.

    Args:
        read: gives up to so many bytes of the body; none at its end.
        boundary: of the Content-Type.

    Raises:
        BadMultipart: the boundary is none.
    """

    def __init__(self, read: Callable[[int], bytes], boundary: str) -> None:
        if _BOUNDARY.fullmatch(boundary) is None:
            raise BadMultipart("the boundary is missing or not of the form of RFC 2046")
        self._read = read
        self._delimiter = b"\r\n--" + boundary.encode("ascii")
        # The first delimiter may stand at the very beginning.
        self._buffer = bytearray(_END_OF_LINE)
        self._is_within = False  # a part whose content has not been read to its end

    def parts(self) -> Iterator[Message]:
        """Header fields of each part; its content is what ``content`` yields until the next is asked for.

        Raises:
            BadMultipart: framing that is none, or the body ends before its last delimiter.
        """
        passed = 0
        for piece in self._until_delimiter():
            passed += len(piece)
            if passed > MAXIMUM_PREAMBLE_BYTES:
                raise BadMultipart("there is no delimiter where the first part should begin")
        while not self._is_last():
            head = self._head()
            self._is_within = True
            yield head
            for _ in self.content():
                pass

    def content(self) -> Iterator[bytes]:
        """The content of the part that ``parts`` has come to, in pieces; nothing when it was read already.

        Raises:
            BadMultipart: the body ends within it.
        """
        if self._is_within:
            yield from self._until_delimiter()
            self._is_within = False

    def _until_delimiter(self) -> Iterator[bytes]:
        """What is before the next delimiter, and pass over that."""
        delimiter, buffer = self._delimiter, self._buffer
        while True:
            place = buffer.find(delimiter)
            if place >= 0:
                if place:
                    yield bytes(buffer[:place])
                del buffer[: place + len(delimiter)]
                return
            # The end may be the beginning of a delimiter.
            sure = len(buffer) - len(delimiter) + 1
            if sure > 0:
                yield bytes(buffer[:sure])
                del buffer[:sure]
            self._more("the body ends before its last delimiter")

    def _is_last(self) -> bool:
        """Whether the delimiter that was passed closes the body; if not, pass over the rest of its line."""
        while len(self._buffer) < 2:
            self._more("the body ends within a delimiter")
        if self._buffer.startswith(b"--"):
            return True
        line = self._line("a delimiter has something else behind it")
        if line.strip(b" \t"):
            raise BadMultipart("a delimiter has something else behind it")
        return False

    def _head(self) -> Message:
        lines: list[bytes] = []
        size = 0
        while line := self._line("the header of a part is too long"):
            size += len(line) + 2
            if size > MAXIMUM_HEAD_BYTES:
                raise BadMultipart("the header of a part is too long")
            lines.append(line)
        fields = Message()
        for line in lines:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or not name.strip() or "\0" in value:
                raise BadMultipart("a part has a header that is none")
            fields[name.strip()] = value.strip()
        return fields

    def _line(self, complaint: str) -> bytes:
        while (place := self._buffer.find(_END_OF_LINE)) < 0:
            if len(self._buffer) > MAXIMUM_HEAD_BYTES:
                raise BadMultipart(complaint)
            self._more("the body ends within the header of a part")
        line = bytes(self._buffer[:place])
        del self._buffer[: place + 2]
        return line

    def _more(self, complaint: str) -> None:
        piece = self._read(PIECE_BYTES)
        if not piece:
            raise BadMultipart(complaint)
        self._buffer += piece
