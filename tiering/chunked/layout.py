"""What is where in a pack in chunks: its header, and the table of its chunks (docs/tiers.md)."""

import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate
from secrets import token_bytes

from tiering.errors import PackDamaged

LARGEST_CHUNK_BYTES = 64 << 20  # a chunk is held in memory: a header that says more is damaged
IS_ZSTD, IS_LAST, LENGTH = 1 << 31, 1 << 30, (1 << 30) - 1  # of a frame
FRAME = struct.Struct(">I")
_MAGIC, _VERSION = b"GANTRYPK", 1
_HEADER = struct.Struct(">8sBBBxI16s32s")
HEADER_BYTES = _HEADER.size


@dataclass(frozen=True)
class Header:
    """What an object begins with.

    Attributes:
        is_compressed: each chunk is compressed that shrinks by it.
        chunk_bytes: of the TAR that each chunk holds, but for the last one.
        key_id: of the data key, 16 bytes; empty when it is not encrypted.
        salt: 32 bytes that no other pack has.
    """

    is_compressed: bool
    chunk_bytes: int
    key_id: bytes = b""
    salt: bytes = field(default_factory=lambda: token_bytes(32))

    def packed(self) -> bytes:
        """As it is written."""
        return _HEADER.pack(
            _MAGIC, _VERSION, self.is_compressed, bool(self.key_id), self.chunk_bytes, self.key_id, self.salt
        )

    @classmethod
    def parsed(cls, content: bytes) -> "Header":
        """What was written.

        Raises:
            PackDamaged: it is something else.
        """
        if len(content) != HEADER_BYTES:
            raise PackDamaged("it ends within its header")
        magic, version, compression, encryption, chunk_bytes, key_id, salt = _HEADER.unpack(content)
        if magic != _MAGIC:
            raise PackDamaged("it does not begin as a pack in chunks does")
        if version != _VERSION or compression > 1 or encryption > 1 or not 0 < chunk_bytes <= LARGEST_CHUNK_BYTES:
            raise PackDamaged("its header is damaged, or of a later version of Gantry")
        found = cls(bool(compression), chunk_bytes, key_id if encryption else b"", salt)
        if found.packed() != content:
            raise PackDamaged("its header is damaged")
        return found


@dataclass
class Layout:
    """The header of an object and what lies where in it: what is kept of it in its row.

    Attributes:
        frames: of each chunk in order: its bytes in the object, with two flags.
    """

    header: Header
    frames: list[int] = field(default_factory=list)

    def packed(self) -> bytes:
        """As it is kept."""
        return self.header.packed() + table(self.frames)

    @classmethod
    def parsed(cls, content: bytes) -> "Layout":
        """What was kept."""
        header = Header.parsed(content[:HEADER_BYTES])
        return cls(header, [frame for (frame,) in FRAME.iter_unpack(content[HEADER_BYTES:])])

    def span(self, start: int, count: int) -> "Span":
        """The chunks that hold some bytes of the TAR.

        Raises:
            PackDamaged: they go beyond its end.
        """
        first, last = start // self.header.chunk_bytes, (start + count - 1) // self.header.chunk_bytes
        if last >= len(self.frames):
            raise PackDamaged(f"it has {len(self.frames)} chunks, and chunk {last} is needed")
        ends = list(accumulate((FRAME.size + (frame & LENGTH) for frame in self.frames), initial=HEADER_BYTES))
        return Span(first, last + 1, ends[first], ends[last + 1] - ends[first])


@dataclass(frozen=True)
class Span:
    """Chunks one behind the other.

    Attributes:
        first: number of the first.
        end: number of the one after the last.
        offset: of the first byte in the object.
        size_bytes: in the object.
    """

    first: int
    end: int
    offset: int
    size_bytes: int


def table(frames: Iterable[int]) -> bytes:
    """As it is written."""
    return b"".join(map(FRAME.pack, frames))
