"""The PDUs of one C-STORE request, written from an open file as the connection takes them (PS3.8 9.3.5, PS3.7 9.1.1).

Over plain TCP file bytes go from the page cache to the socket without passing through this process. Over TLS, and to
peers whose PDUs are so short that the system calls would cost more than the copy, they pass through one buffer with
the headers between them. Either way no memory is taken that grows with the object.
"""

import errno
import os
import socket
from dataclasses import dataclass
from typing import Protocol

from dicomnet.wire import pdu
from dicomnet.wire.channel import Channel

STEP_BYTES = 1 << 20  # between two looks at what the peer may have said meanwhile
BUFFER_BYTES = (1 << 18) + 4096  # two fragments of 128 KiB, or sixteen of 16 KiB, with their headers
MAXIMUM_PLACES = 512  # one preadv(2) takes IOV_MAX of them, 1024
SENDFILE_FROM_BYTES = 32_768  # fragments shorter than this are gathered into the buffer


class FileLost(Exception):
    """The file became shorter or unreadable while it was sent, so that the request cannot be completed."""


@dataclass(frozen=True)
class DataSetOnDisk:
    """Where the bytes of a data set are.

    Attributes:
        fd: open file.
        start: offset of its first byte.
        end: offset after its last byte.
        padding: what a data set of odd length is made even with (PS3.5 A.5); empty otherwise.
    """

    fd: int
    start: int
    end: int
    padding: bytes = b""


class Writer(Protocol):
    """Writes a request bit by bit."""

    def write_some(self) -> bool:
        """Write what there is room for, up to STEP_BYTES; True when all was written.

        Raises:
            FileLost: the file became shorter or unreadable.
            OSError: the connection broke.
        """


class Sender:
    """Chooses how to write; holds the one buffer of an association."""

    def __init__(self, channel: Channel, fragment_bytes: int) -> None:
        self._channel = channel
        self._fragment_bytes = fragment_bytes
        self._buffer: bytearray | None = None

    def begin(self, command: bytes, context_id: int, data: DataSetOnDisk) -> Writer:
        """Prepare to write a request: its command PDUs, then its data set."""
        if not self._channel.is_tls and self._fragment_bytes >= SENDFILE_FROM_BYTES:
            return _FromPageCache(self._channel, self._fragment_bytes, command, context_id, data)
        if self._buffer is None:
            self._buffer = bytearray(BUFFER_BYTES)
        fragment_bytes = min(self._fragment_bytes, BUFFER_BYTES - pdu.PDU_HEADER_BYTES - pdu.PDV_HEADER_BYTES)
        return _Buffered(self._channel, self._buffer, fragment_bytes, command, context_id, data)


class _FromPageCache:
    """sendfile, with the headers before it held back by MSG_MORE so that they share a segment."""

    def __init__(
        self, channel: Channel, fragment_bytes: int, command: bytes, context_id: int, data: DataSetOnDisk
    ) -> None:
        self._channel = channel
        self._fragment_bytes = fragment_bytes
        self._context_id = context_id
        self._data = data
        self._position = data.start
        self._fragment_end = data.start
        self._head = command
        self._begin_fragment()

    def write_some(self) -> bool:
        room = STEP_BYTES
        while room > 0:
            while self._head:
                flags = 0 if self._position == self._data.end else socket.MSG_MORE
                count = self._channel.send(self._head, flags)
                if not count:
                    return False
                self._head = self._head[count:]
            if self._position == self._data.end:
                return True
            sent = self._send_file(self._fragment_end - self._position)
            if sent is None:
                return False
            room -= sent
            self._position += sent
            if self._position == self._fragment_end:
                self._begin_fragment()
        return False

    def _send_file(self, count: int) -> int | None:
        try:
            sent = self._channel.send_file(self._data.fd, self._position, count)
        except OSError as error:
            if error.errno == errno.EIO:  # no error of a socket
                raise FileLost("became unreadable") from error
            raise
        if sent == 0:
            raise FileLost("became shorter")
        return sent

    def _begin_fragment(self) -> None:
        data = self._data
        if self._position == data.end:
            self._head += data.padding
            return
        count = min(self._fragment_bytes, data.end - self._position)
        self._fragment_end = self._position + count
        header = _header(self._context_id, count, data, is_last=self._fragment_end == data.end)
        self._head += header


class _Buffered:
    """Fragments are read into their places between the headers, and written together."""

    def __init__(
        self,
        channel: Channel,
        buffer: bytearray,
        fragment_bytes: int,
        command: bytes,
        context_id: int,
        data: DataSetOnDisk,
    ) -> None:
        self._channel = channel
        self._buffer = memoryview(buffer)
        self._fragment_bytes = fragment_bytes
        self._context_id = context_id
        self._data = data
        self._position = data.start
        self._left: memoryview = memoryview(command)

    def write_some(self) -> bool:
        room = STEP_BYTES
        while room > 0:
            if not self._left:
                if self._position == self._data.end:
                    return True
                self._left = self._fill()
            count = self._channel.send(self._left)
            if not count:
                return False
            self._left = self._left[count:]
            room -= count
        return False

    def _fill(self) -> memoryview:
        """As many fragments as fit into the buffer."""
        places: list[memoryview] = []
        used, end = 0, self._position
        while (
            end < self._data.end
            and len(places) < MAXIMUM_PLACES
            and used + self._room_for_next(end) <= len(self._buffer)
        ):
            count = min(self._fragment_bytes, self._data.end - end)
            is_last = end + count == self._data.end
            header = _header(self._context_id, count, self._data, is_last=is_last)
            self._buffer[used : used + len(header)] = header
            used += len(header)
            places.append(self._buffer[used : used + count])
            used += count
            end += count
            if is_last and self._data.padding:
                self._buffer[used : used + len(self._data.padding)] = self._data.padding
                used += len(self._data.padding)
        try:
            count = os.preadv(self._data.fd, places, self._position)
        except OSError as error:
            raise FileLost("became unreadable") from error
        if count != end - self._position:
            raise FileLost("became shorter")
        self._position = end
        return self._buffer[:used]

    def _room_for_next(self, position: int) -> int:
        count = min(self._fragment_bytes, self._data.end - position) + len(self._data.padding)
        return pdu.PDU_HEADER_BYTES + pdu.PDV_HEADER_BYTES + count


def _header(context_id: int, count: int, data: DataSetOnDisk, *, is_last: bool) -> bytes:
    if not is_last:
        return pdu.fragment_header(context_id, count, 0)
    return pdu.fragment_header(context_id, count + len(data.padding), pdu.IS_LAST)
