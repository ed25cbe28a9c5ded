"""Data sets that are right and odd: whatever stands in them, their bytes stay (PS3.5 7, A; RELIABILITY I5)."""

import struct
from collections.abc import Iterator
from functools import cache

from pydicom.dataset import Dataset
from pydicom.uid import (
    CTImageStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.corpus import (
    EXPLICIT,
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    data_set,
    deflated,
    delimiter,
    element,
    encoded,
    nested,
)

PIXELS, SEQUENCE, PADDING = 0x7FE00010, 0x00400275, 0xFFFCFFFC
VRS = (
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF", "OL", "OV"),
    *("OW", "PN", "SH", "SL", "SQ", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV"),
)
CREATOR = element(0x00990010, "LO", b"ODD FILES")


def implicit(tag: int, value: bytes, *, length: int | None = None) -> bytes:
    """One element in Implicit VR Little Endian."""
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, len(value) if length is None else length) + value


def item(content: bytes, *, is_defined: bool) -> bytes:
    """An item of a sequence, with its length or with a delimiter."""
    if is_defined:
        return delimiter(ITEM, len(content)) + content
    return delimiter(ITEM, UNDEFINED) + content + delimiter(ITEM_END)


def sequence(*items: bytes, is_defined: bool, tag: int = SEQUENCE, vr: str = "SQ") -> bytes:
    """A sequence in Explicit VR Little Endian, with its length or with a delimiter."""
    content = b"".join(items)
    if is_defined:
        return element(tag, vr, content)
    return element(tag, vr, b"", length=UNDEFINED) + content + delimiter(SEQUENCE_END)


def encapsulated(*fragments: bytes, offsets: bytes = b"") -> bytes:
    """Encapsulated pixel data (PS3.5 A.4)."""
    items = b"".join(delimiter(ITEM, len(fragment)) + fragment for fragment in (offsets, *fragments))
    return element(PIXELS, "OB", b"", length=UNDEFINED) + items + delimiter(SEQUENCE_END)


def group_lengths(data: bytes, *, lie: bool) -> bytes:
    """Group length elements before groups 0008 and 0020, which are retired, and may lie."""
    split = data.index(b"\x20\0\x0d\0UI")
    lengths = (7, 7) if lie else (split, len(data) - split)
    return (
        element(0x00080000, "UL", struct.pack("<L", lengths[0]))
        + data[:split]
        + element(0x00200000, "UL", struct.pack("<L", lengths[1]))
        + data[split:]
    )


def _explicit(uid: bytes) -> Iterator[tuple[str, bytes]]:
    plain = data_set(sop_instance_uid=uid)
    name = element(0x00100010, "PN", b"Doe^Jane")
    inner = element(0x00080100, "SH", b"CODE") + element(0x00080104, "LO", b"meaning")
    yield "plain", plain
    yield "padding of spaces in a UID", plain.replace(b"1.2.3.4.5\0", b"1.2.3.4.5 ")
    yield "padding of zeros in a text", data_set(sop_instance_uid=uid, early=element(0x00080080, "LO", b"Clinic\0\0"))
    yield "padding of several spaces", data_set(sop_instance_uid=uid, early=element(0x00080080, "LO", b"Clinic    "))
    yield "Data Set Trailing Padding", plain + element(PADDING, "OB", bytes(126))
    yield "zeros after the end", plain + bytes(510)
    yield (
        "an empty value of each VR",
        plain + CREATOR + b"".join(element(0x00991000 + number, vr, b"") for number, vr in enumerate(VRS)),
    )
    yield "a VR of later editions", plain + CREATOR + b"\x99\0\1\x10ZZ\0\0\4\0\0\0abcd"
    yield "private elements without creator", plain + element(0x00991001, "UN", b"whose?")
    yield "private elements of every group", plain + element(0x00291010, "OB", bytes(range(256)))
    yield "group lengths", group_lengths(plain, lie=False)
    yield "group lengths that lie", group_lengths(plain, lie=True)
    yield "a sequence of defined length", plain + sequence(item(inner, is_defined=True), is_defined=True)
    yield "a sequence of undefined length", plain + sequence(item(inner, is_defined=False), is_defined=False)
    yield "defined items in an undefined sequence", plain + sequence(item(inner, is_defined=True), is_defined=False)
    yield "undefined items in a defined sequence", plain + sequence(item(inner, is_defined=False), is_defined=True)
    deep = inner
    for level in range(20):
        deep = sequence(
            item(deep, is_defined=level % 2 == 0), item(b"", is_defined=level % 3 == 0), is_defined=level % 4 > 1
        )
    yield "20 levels, now defined, now not", plain + deep
    yield "64 levels", plain + nested(64)
    yield "a sequence without items", plain + sequence(is_defined=False)
    yield "a sequence with an empty item", plain + sequence(item(b"", is_defined=True), is_defined=False)
    # A UN element of undefined length holds items in Implicit VR (PS3.5 6.2.2 note 2).
    unknown = item(implicit(0x00080100, b"CODE"), is_defined=False)
    yield (
        "a UN sequence of undefined length",
        plain + CREATOR + sequence(unknown, is_defined=False, tag=0x00991001, vr="UN"),
    )
    yield (
        "a UN sequence of defined length",
        plain + CREATOR + element(0x00991001, "UN", item(implicit(0x00080100, b"CODE"), is_defined=True)),
    )
    yield (
        "text in no character set",
        data_set(sop_instance_uid=uid, early=element(0x00080080, "LO", b"Kr\xe4nk\xff\xfe")),
    )
    yield "a character set that nobody knows", element(0x00080005, "CS", b"KLINGON") + plain + name
    yield "pixel data of no byte", plain + element(PIXELS, "OW", b"")
    yield "pixel data of OB", plain + element(PIXELS, "OB", bytes(range(256)) * 3)
    yield "elements after the pixel data", plain + element(PIXELS, "OW", bytes(100)) + element(PADDING, "OB", bytes(10))
    yield (
        "a digital signature after the pixel data",
        plain + element(PIXELS, "OW", bytes(100)) + element(0xFFFAFFFA, "SQ", item(inner, is_defined=True)),
    )
    yield (
        "delimiters within a value",
        plain
        + CREATOR
        + element(0x00991001, "OB", delimiter(ITEM_END) + delimiter(SEQUENCE_END) + delimiter(ITEM, UNDEFINED)),
    )
    yield "bytes of PDUs within a value", plain + CREATOR + element(0x00991001, "OB", b"\7\0\0\0\0\4\0\0\0\0" * 20)


def _encapsulated(uid: bytes) -> Iterator[tuple[str, str, bytes]]:
    plain = data_set(sop_instance_uid=uid)
    yield "RLE", RLELossless, plain + encapsulated(struct.pack("<16L", 1, 64, *[0] * 14) + b"\3abcd\0")
    yield "several fragments", JPEGBaseline8Bit, plain + encapsulated(b"\xff\xd8ab", b"cdef", b"gh\xff\xd9")
    yield (
        "an offset table",
        JPEGBaseline8Bit,
        plain + encapsulated(b"\xff\xd8\xff\xd9" * 2, b"\xff\xd8\xff\xd9", offsets=struct.pack("<2L", 0, 16)),
    )
    yield "fragments of no byte", JPEG2000Lossless, plain + encapsulated(b"", b"\xff\x4f\xff\xd9", b"", b"")
    yield "no fragment", JPEG2000Lossless, plain + encapsulated()
    yield (
        "encapsulated, then padding",
        JPEG2000Lossless,
        plain + encapsulated(b"\xff\x4f\xff\xd9") + element(PADDING, "OB", bytes(64)),
    )
    yield "encapsulated of defined length", JPEG2000Lossless, plain + element(PIXELS, "OB", b"\xff\x4f\xff\xd9")


def _others(uid: bytes) -> Iterator[tuple[str, str, bytes]]:
    plain = data_set(sop_instance_uid=uid)
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, uid.decode()
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3.4", "1.2.3.4.5"
    ds.PatientName, ds.Rows, ds.PixelRepresentation = "Doe^Jane", 1, 0
    ds.OtherPatientIDsSequence = [Dataset(), Dataset()]
    ds.OtherPatientIDsSequence[0].PatientID = "another"
    whole = encoded(ds, ImplicitVRLittleEndian)
    yield "implicit", ImplicitVRLittleEndian, whole
    yield (
        "implicit, private of undefined length",
        ImplicitVRLittleEndian,
        whole
        + implicit(
            0x00991001,
            item(implicit(0x00080100, b"CODE"), is_defined=False) + delimiter(SEQUENCE_END),
            length=UNDEFINED,
        ),
    )
    yield "implicit, pixel data of no byte", ImplicitVRLittleEndian, whole + implicit(PIXELS, b"")
    yield "implicit, trailing padding", ImplicitVRLittleEndian, whole + implicit(PADDING, bytes(60))
    yield "big endian", ExplicitVRBigEndian, encoded(ds, ExplicitVRBigEndian)
    yield "deflated", DeflatedExplicitVRLittleEndian, even(deflated(plain))
    yield (
        "deflated of large pixels",
        DeflatedExplicitVRLittleEndian,
        even(deflated(plain + element(PIXELS, "OW", bytes(500_000)))),
    )
    # What some devices do: the header in implicit VR where the transfer syntax is an encapsulated one.
    yield (
        "implicit elements with encapsulated pixel data",
        JPEG2000Lossless,
        whole
        + implicit(
            PIXELS,
            delimiter(ITEM) + delimiter(ITEM, 4) + b"\xff\x4f\xff\xd9" + delimiter(SEQUENCE_END),
            length=UNDEFINED,
        ),
    )


def even(data: bytes) -> bytes:
    """A deflated stream of odd length gets one zero byte (PS3.5 A.5)."""
    return data + b"\0" * (len(data) % 2)


@cache
def odd_files() -> dict[str, tuple[str, str, bytes]]:
    """SOP Instance UID, transfer syntax and data set by name; each has a UID of its own."""
    found: dict[str, tuple[str, str, bytes]] = {}
    for index, make in enumerate((_explicit_little_endian, _encapsulated, _others)):
        for number, (name, _, _) in enumerate(list(make(b"1.2"))):
            uid = f"1.2.3.{index + 1}.{number + 1}"
            _, syntax, data = list(make(uid.encode()))[number]
            found[name] = uid, str(syntax), data
    return found


def _explicit_little_endian(uid: bytes) -> Iterator[tuple[str, str, bytes]]:
    for name, data in _explicit(uid):
        yield name, EXPLICIT, data
