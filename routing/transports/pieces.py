"""A Part 10 file as it is sent, in pieces: memory stays flat however large it is."""

import errno
import hashlib
import io
import os
from collections.abc import Iterator

from dicomnet.wire.send import DataSetOnDisk

PIECE_BYTES = 1 << 18


class Pieces:
    """File Meta Information and the bytes of an open data set behind it; each walk begins anew.

    Attributes:
        has_failed: an OSError that came up was one of reading this file, and not of whoever takes it.
    """

    def __init__(self, head: bytes, data: DataSetOnDisk) -> None:
        self._head, self._data = head, data
        self.has_failed = False

    @property
    def size_bytes(self) -> int:
        """Of the whole file."""
        return len(self._head) + self._data.end - self._data.start

    def __iter__(self) -> Iterator[bytes]:
        """From the beginning.

        Raises:
            OSError: the file became shorter or unreadable.
        """
        return self.range(0, self.size_bytes)

    def range(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from one position to before another."""
        while start < end:
            piece = self._read(start, min(PIECE_BYTES, end - start))
            start += len(piece)
            yield piece

    def sha256(self) -> str:
        """Of the whole file, in hexadecimal."""
        return self.digest_of(0, self.size_bytes).hex()

    def digest_of(self, start: int, end: int) -> bytes:
        """SHA-256 of a part of it."""
        digest = hashlib.sha256()
        for piece in self.range(start, end):
            digest.update(piece)
        return digest.digest()

    def _read(self, start: int, count: int) -> bytes:
        if start < len(self._head):
            return self._head[start : start + count]
        try:
            piece = os.pread(self._data.fd, count, self._data.start + start - len(self._head))
            if not piece:
                raise OSError(errno.EIO, "the file has become shorter")
        except OSError:
            self.has_failed = True
            raise
        return piece


class Slice(io.RawIOBase):
    """A part of a file as boto3 reads it: it measures, seeks back and reads."""

    def __init__(self, content: Pieces, start: int, end: int) -> None:
        super().__init__()
        self._content, self._start, self._end = content, start, end
        self._position = start

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """From the beginning of the part."""
        return self._position - self._start

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position in the part."""
        base = {io.SEEK_SET: self._start, io.SEEK_CUR: self._position, io.SEEK_END: self._end}[whence]
        self._position = min(max(base + offset, self._start), self._end)
        return self.tell()

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes; all that is left when negative."""
        end = self._end if size < 0 else min(self._position + size, self._end)
        data = b"".join(self._content.range(self._position, end))
        self._position = end
        return data
