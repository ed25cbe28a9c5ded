"""Where each frame of an instance lies in its file, and its bytes as they are stored (PS3.3 C.7.6.6, PS3.5 8, A.4).

No pixel is decoded here: ``studies.pixels`` does that, in a child.
"""

import os
import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from pydicom.uid import UID, ExplicitVRBigEndian, RLELossless

from dicomnet.part10 import DEFLATED, NotPart10
from studies.admission import SOP_CLASS_UID
from studies.errors import CannotDecode, MalformedDataSet, NoPixels, NoSuchFrame
from studies.header import Header, read_header
from studies.integrity import damaged, ensure_intact, path_of
from studies.models import Instance

EXTENDED_OFFSET_TABLE = 0x7FE00001
_NUMBERS = {
    "samples": 0x00280002,
    "frames": 0x00280008,
    "rows": 0x00280010,
    "columns": 0x00280011,
    "bits": 0x00280100,
}
KEYWORDS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
PHOTOMETRIC_INTERPRETATION = 0x00280004
# With what every instance has, so that the walk never comes back with nothing.
WANTED = frozenset({SOP_CLASS_UID, *_NUMBERS.values(), PHOTOMETRIC_INTERPRETATION, EXTENDED_OFFSET_TABLE, *KEYWORDS})
# Of a JPEG, JPEG-LS, JPEG 2000 or HTJ2K code stream; padding may follow.
_END_OF_IMAGE = b"\xff\xd9"


@dataclass(frozen=True)
class Layout:
    """Where the frames of one instance are.

    Attributes:
        starts, lengths: of each fragment of encapsulated pixel data, from the start of the file.
        firsts: number of the fragment with which each frame begins, and of the one behind the last.
        native: where native pixel data begins, from the start of the file, and its length.
        frame_bits: of one native frame.
        is_plain: a native frame can be taken from the file as it is: whole bytes, in little endian.
        keyword: of the attribute that holds the pixels.
    """

    transfer_syntax_uid: str
    number_of_frames: int
    starts: "array[int]"
    lengths: "array[int]"
    firsts: "array[int]"
    native: tuple[int, int] = (0, 0)
    frame_bits: int = 0
    is_plain: bool = False
    keyword: str = "PixelData"

    @property
    def is_encapsulated(self) -> bool:
        """Whether frames are compressed."""
        return bool(self.firsts)

    def size_of(self, number: int) -> int:
        """Bytes of one stored frame, counted from 1.

        Raises:
            NoSuchFrame: there are fewer.
        """
        self._check(number)
        if self.is_encapsulated:
            return sum(self.lengths[self.firsts[number - 1] : self.firsts[number]])
        return self.frame_bits // 8

    def pieces_of(self, number: int) -> list[tuple[int, int]]:
        """Start and length of the parts of one stored frame, counted from 1.

        Raises:
            NoSuchFrame: there are fewer.
        """
        self._check(number)
        if self.is_encapsulated:
            fragments = range(self.firsts[number - 1], self.firsts[number])
            return [(self.starts[each], self.lengths[each]) for each in fragments]
        size = self.frame_bits // 8
        return [(self.native[0] + (number - 1) * size, size)]

    def _check(self, number: int) -> None:
        if not 1 <= number <= self.number_of_frames:
            raise NoSuchFrame(f"The instance has {self.number_of_frames} frames.")


def layout_of(instance: Instance) -> Layout:
    """Find the frames, once for each file and process.

    Raises:
        NoPixels: it holds no pixel data.
        CannotDecode: its parts do not make up the frames that it names, or only a decoder can say where they are.
        InstanceMissing, InstanceDamaged: the file is not what was acknowledged.
    """
    ensure_intact(instance)
    return _layout(instance.pk, instance.location, instance.transfer_syntax_uid)


def stored_frame(instance: Instance, layout: Layout, number: int) -> bytes:
    """One frame as it is stored, counted from 1.

    Raises:
        NoSuchFrame: there are fewer.
        InstanceDamaged: the file ends before it.
    """
    pieces = layout.pieces_of(number)
    fd = os.open(path_of(instance), os.O_RDONLY | os.O_CLOEXEC)
    try:
        found = [os.pread(fd, length, start) for start, length in pieces]
    finally:
        os.close(fd)
    if any(len(piece) != length for piece, (_, length) in zip(found, pieces, strict=True)):
        raise damaged(instance, "the file has become shorter")
    return b"".join(found)


@lru_cache(maxsize=256)
def _layout(pk: int, location: str, transfer_syntax_uid: str) -> Layout:
    if transfer_syntax_uid in DEFLATED:
        raise CannotDecode("its data set is deflated")
    path = path_of(Instance(pk=pk, location=location))
    try:
        header = read_header(path, WANTED)
    except (NotPart10, MalformedDataSet) as error:
        raise CannotDecode(str(error)) from error
    found, offset = header.found, header.meta.data_set_offset
    count = _number(header, "frames") or 1
    if found.fragments:
        fragments = [(start + offset, length) for start, length in found.fragments[1:]]
        firsts = _firsts(path, header, found.fragments, count)
        starts, lengths = array("Q", [start for start, _ in fragments]), array("Q", [size for _, size in fragments])
        return Layout(transfer_syntax_uid, count, starts, lengths, firsts)
    tag = next((tag for tag in KEYWORDS if tag in found.places), None)
    if tag is None:
        raise NoPixels("The instance holds no pixel data.")
    place = found.places[tag]
    bits = _frame_bits(header)
    if not bits or place[1] * 8 < bits * count:
        raise CannotDecode("its pixel data is shorter than its rows, columns and frames say")
    empty: array[int] = array("Q")
    return Layout(
        transfer_syntax_uid,
        count,
        empty,
        empty,
        empty,
        native=(place[0] + offset, place[1]),
        frame_bits=bits,
        is_plain=bits % 8 == 0 and transfer_syntax_uid != ExplicitVRBigEndian and not _is_422(header),
        keyword=KEYWORDS[tag],
    )


def _number(header: Header, name: str) -> int:
    values = header.values(_NUMBERS[name])
    return int(values[0]) if values and values[0].isdecimal() and len(values[0]) < 10 else 0


def _is_422(header: Header) -> bool:
    return header.text(PHOTOMETRIC_INTERPRETATION) == "YBR_FULL_422"


def _frame_bits(header: Header) -> int:
    rows, columns, bits = (_number(header, name) for name in ("rows", "columns", "bits"))
    samples = _number(header, "samples") or 1
    # Two of three samples are there for every other column only (PS3.3 C.7.6.3.1.2).
    return rows * columns * bits * (2 if _is_422(header) and samples == 3 else samples)


def _firsts(path: "os.PathLike[str]", header: Header, fragments: list[tuple[int, int]], count: int) -> "array[int]":
    """With which fragment each frame begins: by number, by an offset table, or by where code streams end."""
    parts = len(fragments) - 1
    if parts == count:
        return array("Q", range(count + 1))
    if count == 1 and parts:
        return array("Q", [0, parts])
    if parts < count:
        raise CannotDecode(f"it has {parts} fragments for {count} frames")
    with open(path, "rb", buffering=0) as file:
        found = _by_table(file.fileno(), header, fragments) or _by_ends(file.fileno(), header, fragments)
    if len(found) != count or UID(header.meta.transfer_syntax_uid) == RLELossless:
        raise CannotDecode("its fragments do not tell where its frames begin")
    return array("Q", [*found, parts])


def _by_table(fd: int, header: Header, fragments: list[tuple[int, int]]) -> list[int]:
    """Frames by the extended or the basic offset table; empty without one that fits."""
    offset = header.meta.data_set_offset
    if EXTENDED_OFFSET_TABLE in header.found.places:
        start, length = header.found.places[EXTENDED_OFFSET_TABLE]
        table, code = os.pread(fd, length, start + offset), "Q"
    elif EXTENDED_OFFSET_TABLE in header.found.values:
        table, code = header.found.values[EXTENDED_OFFSET_TABLE][1], "Q"
    else:
        start, length = fragments[0]
        table, code = os.pread(fd, length, start + offset), "L"
    size = 8 if code == "Q" else 4
    offsets = struct.unpack(f"<{len(table) // size}{code}", table[: len(table) // size * size])
    # Offsets count from the first fragment's item, whose header is eight bytes.
    base = fragments[1][0] - 8
    number_at = {start - 8 - base: number for number, (start, _) in enumerate(fragments[1:])}
    found = [number_at.get(each, -1) for each in offsets]
    is_usable = bool(found) and found[0] == 0 and all(one < other for one, other in pairwise(found))
    return found if is_usable else []


def _by_ends(fd: int, header: Header, fragments: list[tuple[int, int]]) -> list[int]:
    return [0, *_after_ends(fd, header.meta.data_set_offset, fragments[1:])]


def _after_ends(fd: int, offset: int, fragments: list[tuple[int, int]]) -> Iterator[int]:
    for number, (start, length) in enumerate(fragments[:-1], 1):
        tail = os.pread(fd, min(length, 10), offset + start + max(0, length - 10))
        if _END_OF_IMAGE in tail:
            yield number
