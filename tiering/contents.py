"""The TAR that a pack holds, however its object is written: as it is, or in chunks."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tiering.chunked.chunks import Chunks
from tiering.chunked.layout import HEADER_BYTES, Header, Layout
from tiering.errors import PackDamaged
from tiering.keys import key_named, opened
from tiering.models import Compression, DataKey, Location, Pack
from tiering.pieces import Bytes
from tiering.stores.choose import open_store

CHUNK_BYTES = 1 << 20
PLAIN, IN_CHUNKS = ".tar", ".tar.chunks"  # what keys end with


def is_pack(key: str) -> bool:
    """Whether an object is called as packs are."""
    return key.endswith((PLAIN, IN_CHUNKS))


def write_tar(pack: Pack, pieces: Iterable[bytes]) -> tuple[int, bytes]:
    """Write the object of a pack, in the way that its row says; its bytes, and its layout for the row.

    Raises:
        StoreError: the location cannot be written now, or its key is not at hand.
    """
    store = open_store(pack.location)
    if not pack.key.endswith(IN_CHUNKS):
        return store.write(pack.key, pieces), b""
    key_id = bytes.fromhex(pack.data_key.ident) if pack.data_key else b""
    chunks = _chunks(pack, Layout(Header(pack.compression == Compression.ZSTD, CHUNK_BYTES, key_id)))
    size = store.write(pack.key, chunks.written(pieces))
    return size, chunks.layout.packed()


def read_tar(pack: Pack, paced: Callable[[Iterable[bytes]], Iterator[bytes]]) -> Iterator[bytes]:
    """All of it; of an object in chunks every byte is checked, when it is read to its end.

    Args:
        pack: as its row is.
        paced: lets the object's bytes through as they are stored.

    Raises:
        PackDamaged: it is not what was written.
        StoreError: it cannot be read now, or its key is not at hand.
    """
    pieces = paced(open_store(pack.location).read(pack.key))
    return _chunks(pack, _layout(pack)).read_all(pieces) if pack.layout else pieces


def read_range(pack: Pack, start: int, count: int) -> Iterator[bytes]:
    """See Ranges.read."""
    return Ranges().read(pack, start, count)


class Ranges:
    """Reads parts of TARs that mostly lie one behind the other: the chunk that was read last is kept for the next."""

    def __init__(self) -> None:
        self._kept = (0, 0, b"")  # pack, number of the chunk, what is in it

    def read(self, pack: Pack, start: int, count: int) -> Iterator[bytes]:
        """So many bytes of a TAR from a place on; of an object in chunks, only those are read that hold them.

        Raises:
            PackDamaged: they are not what was written.
            StoreError: they cannot be read now, or the key is not at hand.
        """
        if not pack.layout:
            yield from open_store(pack.location).read(pack.key, start, count)
            return
        layout = _layout(pack)
        number, skipped = divmod(start, layout.header.chunk_bytes)
        kept_pack, kept_number, content = self._kept
        if (kept_pack, kept_number) == (pack.pk, number):
            piece = content[skipped : skipped + count]
            yield piece
            start, count = start + len(piece), count - len(piece)
        if count:
            yield from self._read(pack, layout, start, count)

    def _read(self, pack: Pack, layout: Layout, start: int, count: int) -> Iterator[bytes]:
        span = layout.span(start, count)
        pieces = open_store(pack.location).read(pack.key, span.offset, span.size_bytes)
        skipped = start - span.first * layout.header.chunk_bytes
        for number, content in enumerate(_chunks(pack, layout).read(pieces, span), span.first):
            self._kept = (pack.pk, number, content)
            piece = content[skipped : skipped + count]
            yield piece
            skipped, count = 0, count - len(piece)
        if count:
            raise PackDamaged(f"its TAR ends {count} bytes too early")


class UnknownPack:
    """An object that has no row: what says how it is written is in itself.

    Attributes:
        data_key: that it is encrypted under; known when it was read.
    """

    def __init__(self, location: Location, key: str) -> None:
        self.data_key: DataKey | None = None
        self.location, self.key = location, key
        self._layout: Layout | None = None

    def tar(self) -> Iterator[bytes]:
        """Its bytes.

        Raises:
            PackDamaged: from here on it is not what was written.
            StoreError: it cannot be read now, or its key is not at hand.
        """
        pieces = open_store(self.location).read(self.key)
        if not self.key.endswith(IN_CHUNKS):
            yield from pieces
            return
        reader = Bytes(pieces)
        header = Header.parsed(reader.take(HEADER_BYTES))
        self._layout, data_key = Layout(header), b""
        if header.key_id:
            self.data_key = key_named(self.location, header.key_id.hex())
            data_key = opened(self.data_key)
        yield from Chunks(self._layout, self.key, data_key).read_unknown(reader)

    def columns(self) -> dict[str, Any]:
        """What its row is to say of that; to be asked when it was read."""
        if self._layout is None:
            return {}
        compression = Compression.ZSTD if self._layout.header.is_compressed else Compression.NONE
        return {"compression": compression, "data_key": self.data_key, "layout": self._layout.packed()}


def _layout(pack: Pack) -> Layout:
    return Layout.parsed(bytes(pack.layout))


def _chunks(pack: Pack, layout: Layout) -> Chunks:
    return Chunks(layout, pack.key, opened(pack.data_key) if pack.data_key else b"")
