"""Where frames lie: by number, by offset tables, by where code streams end; else nothing is guessed (PS3.5 A.4)."""

import struct

import pytest
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from dicomnet.services import StoreRequest
from studies.errors import CannotDecode, NoPixels, NoSuchFrame
from studies.frames import layout_of, stored_frame
from studies.index import index_spool
from studies.models import Instance
from studies.spool import Spool
from tests.corpus import CT, EXPLICIT, ITEM, SEQUENCE_END, UNDEFINED, data_set, delimiter, element

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("bells")]
ONE, TWO, THREE = (b"\xff\xd8" + each * 20 + b"\xff\xd9" for each in (b"a", b"bb", b"ccc"))
J2K, RLE, JPEG = str(JPEG2000Lossless), str(RLELossless), str(JPEGBaseline8Bit)


def _kept(spool: Spool, frames: int, pixels: bytes, syntax: str, early: bytes = b"") -> Instance:
    image = element(0x00280002, "US", b"\1\0") + element(0x00280008, "IS", str(frames).encode())
    image += b"".join(element(tag, "US", struct.pack("<H", value)) for tag, value in ((0x00280010, 4), (0x00280011, 4)))
    image += element(0x00280100, "US", b"\x08\0") + early
    sink = spool.open(StoreRequest(CT, "1.2.3.9", syntax, "CT1", "GANTRY", "10.1.2.3"))
    sink.write(data_set(sop_instance_uid=b"1.2.3.9", late=image + pixels))
    assert sink.commit().status == 0
    index_spool(spool)
    return Instance.objects.get()


def _encapsulated(*fragments: bytes, table: bytes = b"") -> bytes:
    found = element(0x7FE00010, "OB", b"", length=UNDEFINED) + delimiter(ITEM, len(table)) + table
    for fragment in fragments:
        found += delimiter(ITEM, len(fragment)) + fragment
    return found + delimiter(SEQUENCE_END)


def _offsets(code: str, *fragments: int) -> bytes:
    return struct.pack(f"<{len(fragments)}{code}", *fragments)


HALF = len(TWO) // 2 // 2 * 2
SPLIT = (ONE, TWO[:HALF], TWO[HALF:], THREE)
# An item's header is eight bytes.
STARTS = (0, len(ONE) + 8, len(ONE) + len(TWO) + 3 * 8)
FOUND = [
    ("one each", _encapsulated(ONE, TWO, THREE), J2K, b""),
    ("by the basic table", _encapsulated(*SPLIT, table=_offsets("L", *STARTS)), J2K, b""),
    ("by the extended table", _encapsulated(*SPLIT), J2K, element(0x7FE00001, "OV", _offsets("Q", *STARTS))),
    ("by their ends", _encapsulated(*SPLIT), JPEG, b""),
    ("by their ends, for the table is wrong", _encapsulated(*SPLIT, table=_offsets("L", 0, 4, 8)), JPEG, b""),
]


@pytest.mark.parametrize(("pixels", "syntax", "early"), [row[1:] for row in FOUND], ids=[row[0] for row in FOUND])
def test_frames_are_found(spool: Spool, pixels: bytes, syntax: str, early: bytes) -> None:
    row = _kept(spool, 3, pixels, syntax, early)
    layout = layout_of(row)
    assert [stored_frame(row, layout, number) for number in (1, 2, 3)] == [ONE, TWO, THREE]
    for number in (0, 4, -1):
        with pytest.raises(NoSuchFrame):
            layout.pieces_of(number)


def test_one_frame_may_have_any_number_of_fragments(spool: Spool) -> None:
    row = _kept(spool, 1, _encapsulated(*SPLIT), J2K)
    assert stored_frame(row, layout_of(row), 1) == b"".join(SPLIT)


DOUBTFUL = [
    ("fewer than frames", 3, _encapsulated(ONE, TWO), J2K),
    ("none", 2, _encapsulated(), J2K),
    ("more, and nothing tells them apart", 3, _encapsulated(*SPLIT[:2], TWO[HALF:] + b"x", THREE), RLE),
    ("ends that do not add up", 2, _encapsulated(ONE, TWO, THREE), JPEG),
    ("too short", 3, element(0x7FE00010, "OB", bytes(40)), EXPLICIT),
]


@pytest.mark.parametrize(
    ("frames", "pixels", "syntax"), [row[1:] for row in DOUBTFUL], ids=[row[0] for row in DOUBTFUL]
)
def test_nothing_is_guessed(spool: Spool, frames: int, pixels: bytes, syntax: str) -> None:
    with pytest.raises(CannotDecode):
        layout_of(_kept(spool, frames, pixels, syntax))


def test_native_frames_lie_one_behind_the_other(spool: Spool) -> None:
    row = _kept(spool, 3, element(0x7FE00010, "OB", bytes(range(48))), EXPLICIT)
    assert stored_frame(row, layout_of(row), 2) == bytes(range(16, 32))


def test_an_object_without_pixels_says_so(spool: Spool) -> None:
    with pytest.raises(NoPixels):
        layout_of(_kept(spool, 1, b"", EXPLICIT))
