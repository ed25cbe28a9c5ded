"""Write and read a TAR in chunks, one in memory at a time."""

import struct
from collections.abc import Iterable, Iterator

import zstandard
from cryptography.exceptions import InvalidTag

from tiering.chunked.guard import Aes256Gcm, Crc32, Guard
from tiering.chunked.layout import FRAME, HEADER_BYTES, IS_LAST, IS_ZSTD, LENGTH, Layout, Span, table
from tiering.errors import PackDamaged
from tiering.pieces import Bytes

_END = struct.Struct(">IQ8s")
_END_MAGIC = b"GANTRYPE"
_TABLE_NUMBER = (1 << 64) - 1  # in the place of a chunk's number


class Chunks:
    """Writes and reads the chunks of one object.

    Args:
        layout: of the object; writing it fills in the frames.
        name: of the object in its location.
        data_key: 32 bytes; empty when the header names none.
    """

    def __init__(self, layout: Layout, name: str, data_key: bytes = b"") -> None:
        self.layout = layout
        header = layout.header.packed()
        self._guard: Guard = Crc32(header)
        if layout.header.key_id:
            self._guard = Aes256Gcm(header, layout.header.salt, data_key, name)

    def written(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The object of a TAR that comes in pieces."""
        header, frames = self.layout.header, self.layout.frames
        yield header.packed()
        compressor = zstandard.ZstdCompressor() if header.is_compressed else None
        size = 0
        for content, is_last in _cut(pieces, header.chunk_bytes):
            size += len(content)
            yield from self._chunk(len(frames), content, is_last=is_last, compressor=compressor)
        yield table(frames)
        yield self._guard.closed(_TABLE_NUMBER, table(frames) + size.to_bytes(8, "big"), b"")
        yield _END.pack(len(frames), size, _END_MAGIC)

    def _chunk(
        self, number: int, content: bytes, *, is_last: bool, compressor: zstandard.ZstdCompressor | None
    ) -> Iterator[bytes]:
        flags = IS_LAST if is_last else 0
        if compressor is not None and len(smaller := compressor.compress(content)) < len(content):
            content, flags = smaller, flags | IS_ZSTD
        about = FRAME.pack(len(content) + self._guard.check_bytes | flags)
        self.layout.frames += FRAME.unpack(about)
        yield about
        yield self._guard.closed(number, about, content)

    def read(self, pieces: Iterable[bytes], span: Span) -> Iterator[bytes]:
        """The TAR's bytes of some chunks.

        Args:
            pieces: what the object has there.
            span: which they are.

        Raises:
            PackDamaged: they are not what was written.
        """
        reader = Bytes(iter(pieces))
        for number in range(span.first, span.end):
            yield self._opened(number, reader.take(FRAME.size), reader)

    def read_all(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The whole TAR of a whole object, which is compared with the layout to its last byte.

        Raises:
            PackDamaged: it is not what was written.
        """
        reader = Bytes(iter(pieces))
        if reader.take(HEADER_BYTES) != self.layout.header.packed():
            raise PackDamaged("its header differs")
        size = 0
        for number in range(len(self.layout.frames)):
            content = self._opened(number, reader.take(FRAME.size), reader)
            size += len(content)
            yield content
        self._check_end(reader, size)

    def read_unknown(self, reader: Bytes) -> Iterator[bytes]:
        """The same of an object of which only the header was read; fills in the frames as far as they are right.

        Raises:
            PackDamaged: from here on it is not what was written.
        """
        frames, size, is_last = self.layout.frames, 0, False
        while not is_last:
            about = reader.take(FRAME.size)
            (frame,) = FRAME.unpack(about)
            frames.append(frame)
            try:
                content = self._opened(len(frames) - 1, about, reader)
            except PackDamaged:
                frames.pop()
                raise
            is_last = bool(frame & IS_LAST)
            size += len(content)
            yield content
        self._check_end(reader, size)

    def _opened(self, number: int, about: bytes, reader: Bytes) -> bytes:
        """The plain bytes of one chunk."""
        (frame,) = FRAME.unpack(about)
        length, most = frame & LENGTH, self.layout.header.chunk_bytes
        if frame != self.layout.frames[number] or not self._guard.check_bytes <= length <= most + 16:
            raise PackDamaged(f"chunk {number} does not begin where it should")
        try:
            content = self._guard.opened(number, about, reader.take(length))
            if frame & IS_ZSTD:
                content = _decompressed(content, most)
        except (InvalidTag, zstandard.ZstdError) as error:
            raise PackDamaged(f"chunk {number} is not what was written") from error
        if len(content) > most or (len(content) < most and not frame & IS_LAST):
            raise PackDamaged(f"chunk {number} has another size than it was written with")
        return content

    def _check_end(self, reader: Bytes, size: int) -> None:
        frames = self.layout.frames
        if not frames or not frames[-1] & IS_LAST:
            raise PackDamaged("its last chunk is missing")
        written = reader.take(len(frames) * FRAME.size)
        check = reader.take(self._guard.check_bytes)
        try:
            self._guard.opened(_TABLE_NUMBER, written + size.to_bytes(8, "big"), check)
        except InvalidTag as error:
            raise PackDamaged("its table of chunks is not what was written") from error
        if written != table(frames) or reader.take(_END.size) != _END.pack(len(frames), size, _END_MAGIC):
            raise PackDamaged("its end is not what was written")
        if reader.has_more():
            raise PackDamaged("there is more behind its end")


def _cut(pieces: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Chunks of one size, the last one shorter or as long; whether each is the last."""
    waiting = bytearray()
    for piece in pieces:
        waiting += piece
        while len(waiting) > size:
            yield bytes(waiting[:size]), False
            del waiting[:size]
    yield bytes(waiting), True


def _decompressed(content: bytes, most: int) -> bytes:
    """What a frame of Zstandard holds; one that says it holds more than a chunk is not begun."""
    if not 0 <= zstandard.frame_content_size(content) <= most:
        raise zstandard.ZstdError("no chunk")
    return zstandard.ZstdDecompressor().decompress(content)
