"""What comes out of chunks is what went in, whatever range of it is read, and nothing can be changed unseen."""

import struct
import tracemalloc
import zlib
from collections.abc import Iterator
from random import Random

import pytest
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given, settings
from hypothesis import strategies as st

from tiering.chunked.chunks import Chunks
from tiering.chunked.layout import HEADER_BYTES, Header, Layout
from tiering.errors import PackDamaged
from tiering.pieces import Bytes

KEY, KEY_ID, NAME = bytes(range(32)), bytes(16 * [7]), "1.2/1.2.3/01KAJ.tar.chunks"
ways = st.tuples(st.booleans(), st.sampled_from([b"", KEY_ID]))
sizes = st.integers(0, 3_000)
chunk_sizes = st.integers(1, 700)
seeds = st.integers(0, 1 << 30)
few = settings(max_examples=60, deadline=None)


def content_of(seed: int, size: int) -> bytes:
    """Half of it does not shrink, and the other half does."""
    random = Random(seed)
    content = b""
    while len(content) < size:
        content += random.randbytes(200) + bytes(random.randrange(400))
    return content[:size]


def in_pieces(content: bytes, seed: int) -> Iterator[bytes]:
    random = Random(seed)
    while content:
        size = random.randrange(1, 900)
        yield content[:size]
        content = content[size:]


def written(content: bytes, way: tuple[bool, bytes], chunk_bytes: int, seed: int = 0) -> tuple[bytes, Chunks]:
    is_compressed, key_id = way
    chunks = Chunks(Layout(Header(is_compressed, chunk_bytes, key_id)), NAME, KEY)
    return b"".join(chunks.written(in_pieces(content, seed))), chunks


def again(chunks: Chunks) -> Chunks:
    """As its row has it."""
    return Chunks(Layout.parsed(chunks.layout.packed()), NAME, KEY)


def read_unknown(content: bytes, name: str = NAME, key: bytes = KEY) -> tuple[bytes, Chunks]:
    reader = Bytes(iter([content]))
    chunks = Chunks(Layout(Header.parsed(reader.take(HEADER_BYTES))), name, key)
    return b"".join(chunks.read_unknown(reader)), chunks


@few
@given(way=ways, size=sizes, chunk_bytes=chunk_sizes, seed=seeds, data=st.data())
def test_the_same_bytes_whole_and_in_ranges(
    way: tuple[bool, bytes], size: int, chunk_bytes: int, seed: int, data: st.DataObject
) -> None:
    content = content_of(seed, size)
    packed, chunks = written(content, way, chunk_bytes, seed)

    assert b"".join(again(chunks).read_all(in_pieces(packed, seed))) == content
    found, unknown = read_unknown(packed)
    assert found == content
    assert unknown.layout == chunks.layout
    if size:
        start = data.draw(st.integers(0, size - 1))
        count = data.draw(st.integers(1, size - start))
        span = chunks.layout.span(start, count)
        part = b"".join(again(chunks).read([packed[span.offset : span.offset + span.size_bytes]], span))
        skipped = start - span.first * chunk_bytes
        assert part[skipped : skipped + count] == content[start : start + count]
        assert len(part) < count + 2 * chunk_bytes


@few
@given(way=ways, size=sizes, chunk_bytes=chunk_sizes, seed=seeds, data=st.data())
def test_any_flipped_bit_is_found(
    way: tuple[bool, bytes], size: int, chunk_bytes: int, seed: int, data: st.DataObject
) -> None:
    packed, chunks = written(content_of(seed, size), way, chunk_bytes)
    changed = bytearray(packed)
    changed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert_found(bytes(changed), chunks)


@few
@given(way=ways, size=sizes, chunk_bytes=chunk_sizes, seed=seeds, data=st.data())
def test_what_is_cut_off_or_added_is_found(
    way: tuple[bool, bytes], size: int, chunk_bytes: int, seed: int, data: st.DataObject
) -> None:
    packed, chunks = written(content_of(seed, size), way, chunk_bytes)
    assert_found(packed[: data.draw(st.integers(0, len(packed) - 1))], chunks)
    assert_found(packed + b"\0", chunks)


def assert_found(changed: bytes, chunks: Chunks) -> None:
    with pytest.raises(PackDamaged):
        list(again(chunks).read_all([changed]))
    with pytest.raises(PackDamaged):
        read_unknown(changed)


@pytest.mark.parametrize("way", [(False, b""), (True, b""), (False, KEY_ID), (True, KEY_ID)])
class TestExchanged:
    def test_chunks_of_one_pack(self, way: tuple[bool, bytes]) -> None:
        packed, chunks = written(Random(1).randbytes(400), way, 100)
        first, second = chunks.layout.span(0, 1), chunks.layout.span(100, 1)
        a, b = first.offset, second.offset
        end = b + second.size_bytes
        assert_found(packed[:a] + packed[b:end] + packed[a:b] + packed[end:], chunks)
        with pytest.raises(PackDamaged, match="chunk 0 is not what was written"):
            list(again(chunks).read([packed[b:end]], first))

    def test_a_chunk_of_another_pack(self, way: tuple[bool, bytes]) -> None:
        content = Random(1).randbytes(400)
        packed, chunks = written(content, way, 100)
        other, _ = written(content, way, 100)
        span = chunks.layout.span(100, 1)
        a, b = span.offset, span.offset + span.size_bytes
        assert_found(packed[:a] + other[a:b] + packed[b:], chunks)

    def test_the_end_of_a_shorter_pack(self, way: tuple[bool, bytes]) -> None:
        content = Random(1).randbytes(400)
        packed, chunks = written(content, way, 100)
        shorter, _ = written(content[:200], way, 100)
        span = chunks.layout.span(100, 1)
        assert_found(packed[: span.offset] + shorter[span.offset :], chunks)


def test_under_another_name_it_is_not_the_same() -> None:
    packed, _ = written(b"x" * 400, (True, KEY_ID), 100)
    with pytest.raises(PackDamaged):
        read_unknown(packed, name="1.2/1.2.3/another.tar.chunks")
    with pytest.raises(PackDamaged):
        read_unknown(packed, key=bytes(32))


def test_nothing_of_the_plain_bytes_shows_when_encrypted() -> None:
    content = b"DOE^JANE" * 100
    packed, _ = written(content, (False, KEY_ID), 100)
    assert b"DOE" not in packed
    assert packed != written(content, (False, KEY_ID), 100)[0]


def test_what_shrinks_is_compressed_and_what_does_not_is_not() -> None:
    packed, _ = written(bytes(100_000), (True, b""), 10_000)
    assert len(packed) < 1_000
    content = Random(1).randbytes(100_000)
    packed, _ = written(content, (True, b""), 10_000)
    assert len(packed) == HEADER_BYTES + len(content) + 10 * (4 + 4) + 10 * 4 + 4 + 20


def test_a_chunk_that_claims_to_be_large_is_not_begun() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(100 << 20))
    header = Header(is_compressed=True, chunk_bytes=100_000)
    frame = struct.pack(">I", len(bomb) + 4 | 3 << 30)
    check = zlib.crc32(header.packed() + bytes(8) + frame + bomb).to_bytes(4, "big")
    with pytest.raises(PackDamaged, match="chunk 0"):
        read_unknown(header.packed() + frame + bomb + check)


def test_memory_does_not_grow_with_the_pack() -> None:
    piece = Random(1).randbytes(1 << 19) + bytes(1 << 19)
    chunks = Chunks(Layout(Header(is_compressed=True, chunk_bytes=1 << 20, key_id=KEY_ID)), NAME, KEY)
    tracemalloc.start()
    try:
        reader = Bytes(chunks.written(piece for _ in range(100)))  # read while it is written: neither is held
        other = Chunks(Layout(Header.parsed(reader.take(HEADER_BYTES))), NAME, KEY)
        assert sum(map(len, other.read_unknown(reader))) == 100 << 20
        assert tracemalloc.get_traced_memory()[1] < 12 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("place", "byte"), [(0, 0), (8, 2), (9, 2), (10, 2), (11, 1), (12, 255), (16, 1)], ids=str)
def test_a_header_that_is_not_ours(place: int, byte: int) -> None:
    header = bytearray(Header(is_compressed=True, chunk_bytes=100).packed())
    header[place] = byte
    with pytest.raises(PackDamaged):
        Header.parsed(bytes(header))


def test_read_as_the_documentation_says() -> None:
    """By nothing but what docs/tiers.md says, and without what wrote it."""
    content = content_of(5, 2_500)
    packed, _ = written(content, (True, KEY_ID), 600)

    magic, version, is_zstd, is_encrypted, chunk_bytes, key_id, salt = struct.unpack(">8sBBBxI16s32s", packed[:64])
    assert (magic, version, is_zstd, is_encrypted, chunk_bytes, key_id) == (b"GANTRYPK", 1, 1, 1, 600, KEY_ID)
    number, size, end_magic = struct.unpack(">IQ8s", packed[-20:])
    assert (size, end_magic) == (len(content), b"GANTRYPE")
    frames = struct.unpack(f">{number}I", packed[-36 - 4 * number : -36])
    key = HKDF(SHA256(), 32, salt, b"gantry pack 1\0" + NAME.encode()).derive(KEY)
    place, found = 64, b""
    for n, frame in enumerate(frames):
        assert packed[place : place + 4] == struct.pack(">I", frame)
        assert bool(frame & 1 << 30) == (n == number - 1)
        length = frame & (1 << 30) - 1
        chunk = packed[place + 4 : place + 4 + length]
        bound = packed[:64] + struct.pack(">QI", n, frame)
        chunk = AESGCM(key).decrypt(n.to_bytes(12, "big"), chunk, bound)
        found += zstandard.decompress(chunk) if frame & 1 << 31 else chunk
        place += 4 + length
    assert found == content
