"""Data sets that a gateway meets on bad days, each with the status that a C-STORE of it must have (PS3.4 B.2.3).

A case is a whole data set; large ones are made when they are asked for. A success means that the bytes are kept, and
that the header is read as well as it goes: ``is_noted`` says whether something in it must be told of.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from dicomnet.statuses import StoreStatus
from tests.corpus import (
    EXPLICIT,
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    bomb,
    data_set,
    deflated,
    delimiter,
    element,
    nested,
    one_of_each_encoding,
)

UID = "1.2.3.9"
TAKEN, MALFORMED, OTHER = StoreStatus.SUCCESS, StoreStatus.CANNOT_UNDERSTAND, StoreStatus.DATA_SET_MISMATCH
STUDY, SERIES, PRIVATE, SEQUENCE, PIXELS = 0x0020000D, 0x0020000E, 0x00991010, 0x00400275, 0x7FE00010


@dataclass(frozen=True)
class Case:
    """One data set and what is expected of it.

    Attributes:
        is_noted: whether ``Header.note`` must say something; only of what is taken.
        values: texts that the header must have by tag; only of what is taken.
    """

    make: Callable[[], bytes]
    status: StoreStatus = TAKEN
    syntax: str = EXPLICIT
    is_noted: bool = False
    values: tuple[tuple[int, str], ...] = ()


def instance(early: bytes = b"", late: bytes = b"", **uids: bytes | None) -> bytes:
    """A small instance under the UID of the corpus."""
    return data_set(**{"sop_instance_uid": UID.encode(), "early": early, "late": late, **uids})  # type: ignore[arg-type]


def without(name: str) -> bytes:
    """The same with one of its UIDs left out."""
    uids: dict[str, bytes | None] = {"sop_instance_uid": UID.encode(), name: None}
    return data_set(**uids)  # type: ignore[arg-type]


def taken(data: bytes, **more: object) -> Case:
    """A data set that is stored."""
    return Case(lambda: data, **more)  # type: ignore[arg-type]


def refused(data: bytes, syntax: str = EXPLICIT, status: StoreStatus = MALFORMED) -> Case:
    """A data set of which nothing is kept."""
    return Case(lambda: data, status, syntax)


BAD_UIDS = [
    b"1." + b"2" * 63,
    b"1" * 65,
    b"1" * 10_000,
    b"..",
    b".",
    b".1",
    b"1.",
    b"1..2",
    b"1.2.",
    b"../../x",
    b"/tmp/x",
    b"C:\\x",
    b"1.2/3",
    b"1\\2",
    b"1.2\x003.4",
    b"\x001.2",
    b"1.2\n",
    b"1.2\n3",
    b"1.2\r\n",
    b"\t1.2",
    b" 1.2",
    b"1. 2",
    b"%2e%2e",
    b"1%2e2",
    b"1.2;x",
    b"1.2'--",
    b"<b>1</b>",
    b"1.a.2",
    b"abc",
    b"-1.2",
    b"+1.2",
    b"1,2",
    b"1.2e3",
    b"0x1.2",
    "1.٢".encode(),
    "1.\uff12".encode(),
    b"1.\xb2",
    b"1.2\xff",
    "1.2\u202e3".encode(),
    b"*",
    b"1.?",
    b"\x1b$B1.2",
]
GOOD_UIDS = [b"0", b"1", b"1.2", b"1." + b"2" * 62, b"1.02.003", b"0.0", b"1.2\0", b"1.2 ", b"1.2\0\0\0"]


def uid_cases() -> Iterator[tuple[str, Case]]:
    """UIDs that are missing, empty, no UIDs, or those of something else."""
    for name in ("sop_class_uid", "sop_instance_uid", "study_instance_uid", "series_instance_uid"):
        yield f"{name} missing", refused(without(name))
        yield f"{name} empty", refused(instance(**{name: b""}))
        yield f"{name} of spaces", refused(instance(**{name: b"   "}))
    for number, uid in enumerate(BAD_UIDS):
        name = ("study_instance_uid", "series_instance_uid")[number % 2]
        yield f"{name} {uid[:20]!r} of {len(uid)}", refused(instance(**{name: uid}))
    for uid in GOOD_UIDS:
        yield f"study {uid[:20]!r} of {len(uid)}", taken(instance(study_instance_uid=uid))
    yield "SOP Instance UID of another", refused(instance(sop_instance_uid=b"1.2.3.8"), status=OTHER)
    yield "SOP Class UID of another", refused(instance(sop_class_uid=b"1.2.840.10008.5.1.4.1.1.4"), status=OTHER)


def structure_cases() -> Iterator[tuple[str, Case]]:
    """Order, lengths, sequences, sizes."""
    good = instance()
    patient = element(0x00100020, "LO", b"P1")
    yield "usual", taken(good)
    yield (
        "duplicate tag",
        taken(instance(early=patient + element(0x00100020, "LO", b"P2")), values=((0x00100020, "P1"),)),
    )
    yield "duplicate SOP Instance UID", taken(good + element(0x00080018, "UI", b"9.9"))
    yield "tags out of order", taken(good + patient, values=((0x00100020, "P1"),))
    yield (
        "reversed",
        taken(
            element(SERIES, "UI", b"1.5")
            + element(STUDY, "UI", b"1.4")
            + instance(study_instance_uid=None, series_instance_uid=None)
        ),
    )
    yield "group 2 inside", taken(element(0x00020010, "UI", b"1.2.840.10008.1.2") + good)
    yield "group 0 inside", taken(element(0x00000100, "US", b"\1\0") + good)
    yield "group length", taken(element(0x00080000, "UL", b"\xff\xff\xff\xff") + good)
    yield "empty", refused(b"")
    yield "two bytes", refused(b"\x08\0")
    yield "zeros", refused(bytes(1000))
    yield "ones", refused(b"\xff" * 1000)
    yield "text", refused(b"This is no data set, whatever it says.  " * 9)
    yield "cut in a value", refused(good[:-3])
    yield "cut in a header", refused(good + good[:6])
    yield "4 GiB element", refused(good + element(PRIVATE, "OB", b"x" * 10, length=0xFFFFFFF0))
    yield "trailing zeros", taken(good + bytes(512))
    yield "trailing zero", taken(good + b"\0")
    yield "trailing noise", refused(good + b"\1\2\3\4\5")
    yield "odd length", taken(good + b"\x99\0\x10\x10LO\3\0abc" + element(0x00991011, "LO", b"x"))
    yield "odd length at the end", taken(good + b"\x99\0\x10\x10LO\3\0abc")
    yield "a million elements behind", Case(lambda: good + element(PRIVATE, "LO", b"") * 1_000_000, is_noted=True)
    yield "a million elements before", Case(lambda: element(0x00020010, "LO", b"") * 1_000_000 + good, MALFORMED)
    yield (
        "a million items",
        Case(
            lambda: good + element(SEQUENCE, "SQ", b"", length=UNDEFINED) + delimiter(ITEM) * 1_000_000, is_noted=True
        ),
    )
    for depth in (10, 64):
        yield f"{depth} deep", taken(instance(late=nested(depth)))
    for depth in (65, 1_000, 100_000):
        yield f"{depth} deep", Case(lambda depth=depth: instance(late=nested(depth)), MALFORMED)  # type: ignore[misc]
    yield "1,000 deep, each with its length", taken(instance(late=nested_with_lengths(1_000)))
    yield "sequence not closed", refused(good + element(SEQUENCE, "SQ", b"", length=UNDEFINED))
    yield "item not closed", refused(good + element(SEQUENCE, "SQ", b"", length=UNDEFINED) + delimiter(ITEM, UNDEFINED))
    yield "sequence of elements", refused(good + element(SEQUENCE, "SQ", good, length=UNDEFINED))
    yield "text of undefined length", refused(good + element(PRIVATE, "UT", b"abc", length=UNDEFINED))
    yield (
        "undefined UN",
        taken(
            good
            + element(PRIVATE, "UN", b"", length=UNDEFINED)
            + delimiter(ITEM, UNDEFINED)
            + b"\x10\0\x20\0\2\0\0\0no"
            + delimiter(ITEM_END)
            + delimiter(SEQUENCE_END)
        ),
    )
    yield "delimiter without a sequence", taken(good + delimiter(SEQUENCE_END))
    yield "64 MiB private tag", Case(lambda: instance(early=element(0x00091010, "OB", bytes(64 << 20))))
    yield "VR of later editions", taken(good + b"\x99\0\1\x10ZZ\0\0\4\0\0\0abcd")
    yield "VR of lower case", refused(good + b"\x99\0\1\x10lo\4\0abcd")
    yield "VR of question marks", refused(good + b"\x99\0\1\x10??\4\0abcd")


def nested_with_lengths(depth: int) -> bytes:
    """Sequences in each other, each with its length."""
    data = b""
    for _ in range(depth):
        data = element(SEQUENCE, "SQ", delimiter(ITEM, len(data)) + data)
    return data


def value_cases() -> Iterator[tuple[str, Case]]:
    """Values that their VR does not allow."""

    def case(tag: int, vr: str, value: bytes, text: str | None = None, **more: object) -> Case:
        values = () if text is None else ((tag, text),)
        return taken(instance(early=element(tag, vr, value)), values=values, **more)

    yield "UN for a known text", case(0x00100020, "UN", b"P1", "P1")
    yield "UN for a known number", case(0x00280010, "UN", b"\0\2", "512")
    yield "OB for a known text", case(0x00100010, "OB", b"Doe^Jane", "Doe^Jane")
    yield "number for a text", case(0x00100020, "US", b"\0\2", "512")
    yield "text for a number", case(0x00280010, "IS", b"512 ", "512")
    yield "date for a name", case(0x00100010, "DA", b"20261120", "20261120")
    yield "sequence for a text", case(0x00100020, "SQ", b"")
    yield "name of 10,000 characters", case(0x00100010, "PN", b"x" * 10_000, "x" * 10_000)
    yield "name of 60,000 carets", case(0x00100010, "PN", b"^" * 60_000, "^" * 60_000)
    yield "text of 200,000 characters", case(0x00081030, "UT", b"x" * 200_000, "x" * 65_536)
    yield "backslashes", case(0x00081030, "LO", b"\\" * 100, "")
    yield "NULs in a text", case(0x00100020, "LO", b"a\0b\0", "ab")
    yield "spaces", case(0x00100020, "LO", b"    ", "")
    yield "escape alone", case(0x00100020, "LO", b"a\x1b", "a", is_noted=True)
    yield "control characters", case(0x00100020, "LO", b"a\x07b\x7f", "a\x07b\x7f")
    yield "no Patient ID", case(0x00100020, "LO", b"", "")
    for text in (
        b"0000",
        b"9999",
        b"00000000",
        b"99999999",
        b"20260230",
        b"yesterday",
        b"2026.11.20",
        b"-1",
        b"20261120-",
    ):
        yield f"date {text!r}", case(0x00080020, "DA", text, text.decode())
    for text in (b"99999999999999999999", b"-99999999999", b"1e400", b"NaN", b"0x10", b"1.5", b"--1", b"9" * 5_000):
        yield f"frames {text[:20]!r}", case(0x00280008, "IS", text, text.decode())
    yield "decimal string that overflows", case(0x00201041, "DS", b"1e999 ")
    yield "rows of three bytes", taken(instance(late=b"\x28\0\x10\0US\3\0\1\0\1"), values=((0x00280010, "1"),))
    yield "rows without value", case(0x00280010, "US", b"", "")
    overflow = element(0x00280008, "IS", b"65535 ") + element(0x00280010, "US", b"\xff\xff")
    overflow += element(0x00280011, "US", b"\xff\xff")
    yield "65535 x 65535 x 65535", taken(instance(late=overflow + element(PIXELS, "OW", b"\0\0")))


VALID_TEXT = {
    b"ISO_IR 6": b"Doe",
    b"ISO_IR 100": b"J\xe9r\xf4me",
    b"ISO_IR 101": b"Wa\xb3\xeasa",
    b"ISO_IR 109": b"\xc6u",
    b"ISO_IR 110": b"\xc0boli\xf2",
    b"ISO_IR 144": "Люк".encode("iso8859_5"),
    b"ISO_IR 127": "قباني".encode("iso8859_6"),
    b"ISO_IR 126": "Διον".encode("iso8859_7"),
    b"ISO_IR 138": "שרון".encode("iso8859_8"),
    b"ISO_IR 148": "İnönü".encode("iso8859_9"),
    b"ISO_IR 203": "€".encode("iso8859_15"),
    b"ISO_IR 13": "ﾔﾏﾀﾞ".encode("shift_jis"),
    b"ISO_IR 166": "นาม".encode("tis_620"),
    b"ISO_IR 192": "王小东".encode(),
    b"GB18030": "王小东".encode("gb18030"),
    b"GBK": "王小东".encode("gbk"),
    b"\\ISO 2022 IR 87": "山田".encode("iso2022_jp"),
    b"\\ISO 2022 IR 159": b"\x1b$(D0!\x1b(B",
    b"\\ISO 2022 IR 149": b"\x1b$)C" + "홍".encode("euc_kr"),
    b"\\ISO 2022 IR 58": b"\x1b$)A" + "张".encode("gb2312"),
    b"ISO 2022 IR 100\\ISO 2022 IR 144": b"\xe9\x1b-L\xbb",
}
INVALID_TEXT = [
    (b"KLINGON", b"D\xf6e"),
    (b"ISO_IR 999", b"D\xf6e"),
    (b"\xff\xfe", b"D\xf6e"),
    (b"hex", b"D\xf6e"),
    (b"../../etc", b"Doe"),
    (b"\\\\\\", b"D\xf6e"),
    (b"", b"D\xf6e"),
    (b"ISO_IR 6", "Jérôme".encode()),
    (b"ISO_IR 100", "Jérôme".encode()),
    (b"ISO_IR 192", b"J\xe9r\xf4me"),
    (b"ISO_IR 192", "王小东".encode()[:-1]),
    (b"ISO_IR 192", b"\xed\xa0\x80"),
    (b"ISO_IR 192", b"\xc0\xaf"),
    (b"GB18030", "王小东".encode("gb18030")[:-1]),
    (b"GBK", b"\x81"),
    (b"\\ISO 2022 IR 87", b"\x1b$B;3E"),
    (b"\\ISO 2022 IR 87", b"abc\x1b$"),
    (b"\\ISO 2022 IR 87", b"\x1b\x1b\x1b"),
    (b"\\ISO 2022 IR 149", b"a\x1b$)Zb"),
    (b"\\ISO 2022 IR 149", b"\x1b$B;3\x1b(B"),
    (b"\\ISO 2022 IR 149", "홍길".encode("euc_kr")),
    (b"ISO_IR 126", b"\xff\xd2"),
    (b"\\".join([b"ISO 2022 IR 87"] * 500 + [b"NONE"]), b"Doe"),
]


def text_cases() -> Iterator[tuple[str, Case]]:
    """Character sets, valid and not."""
    for terms, value in VALID_TEXT.items():
        yield f"text in {terms.decode()}", taken(_named(terms, value))
    for number, (terms, value) in enumerate(INVALID_TEXT):
        yield f"broken text {number} in {terms[:20]!r}", taken(_named(terms, value), is_noted=True)


def _named(terms: bytes, name: bytes) -> bytes:
    return instance(early=element(0x00080005, "CS", terms) + element(0x00100010, "PN", name))


def encoding_cases() -> Iterator[tuple[str, Case]]:
    """Transfer syntaxes, the right one and others; pixel data; deflated streams; files of other kinds."""
    each = one_of_each_encoding()
    for syntax, data in each.items():
        yield f"in {syntax}", Case(lambda data=data: data, syntax=syntax, values=((0x00280010, "512"),))  # type: ignore[misc]
    little, implicit = each[EXPLICIT], each[ImplicitVRLittleEndian]
    yield "implicit as explicit", refused(implicit)
    yield "explicit as implicit", refused(little, ImplicitVRLittleEndian)
    yield "big endian as little", refused(each[ExplicitVRBigEndian])
    yield "little endian as big", refused(little, ExplicitVRBigEndian)
    yield "plain as deflated", refused(little, DeflatedExplicitVRLittleEndian)
    yield "deflated as plain", refused(each[DeflatedExplicitVRLittleEndian])
    yield "deflated cut off", refused(each[DeflatedExplicitVRLittleEndian][:-5], DeflatedExplicitVRLittleEndian)
    yield "deflated noise", refused(b"\xff" * 500, DeflatedExplicitVRLittleEndian)
    yield "deflated nothing", refused(deflated(b""), DeflatedExplicitVRLittleEndian)
    yield "deflated, and a byte", taken(deflated(instance()) + b"\0", syntax=DeflatedExplicitVRLittleEndian)
    yield "deflated twice", refused(deflated(deflated(instance())), DeflatedExplicitVRLittleEndian)
    yield "bomb of a gigabyte", Case(lambda: bomb(UID.encode()), syntax=DeflatedExplicitVRLittleEndian, is_noted=True)
    yield "implicit under a compressed syntax", taken(implicit, syntax=JPEG2000Lossless)
    frames = element(PIXELS, "OB", b"", length=UNDEFINED)
    frame = delimiter(ITEM, 4) + b"\xff\xd8\xff\xd9"
    end = delimiter(SEQUENCE_END)
    for name, table in {
        "empty": delimiter(ITEM),
        "beyond the end": delimiter(ITEM, 8) + struct.pack("<LL", 0, 0xFFFFFFF0),
        "of three bytes": delimiter(ITEM, 3) + b"\0\0\0",
        "out of order": delimiter(ITEM, 8) + struct.pack("<LL", 12, 0),
        "of a million": delimiter(ITEM, 4_000_000) + bytes(4_000_000),
        "missing": b"",
    }.items():
        yield f"offset table {name}", taken(instance(late=frames + table + frame * 2 + end), syntax=JPEG2000Lossless)
    yield "frames not closed", refused(instance(late=frames + delimiter(ITEM) + frame), JPEG2000Lossless)
    yield "frame beyond the end", refused(instance(late=frames + delimiter(ITEM, 1 << 30) + frame), JPEG2000Lossless)
    yield "frame without length", refused(instance(late=frames + delimiter(ITEM, UNDEFINED) + end), JPEG2000Lossless)
    yield "no frame", taken(instance(late=frames + end), syntax=RLELossless)
    yield (
        "two million frames",
        Case(lambda: instance(late=frames + delimiter(ITEM) * 2_000_000 + end), syntax=RLELossless, is_noted=True),
    )
    heads = {"PE": b"MZ\x90\0", "ELF": b"\x7fELF\2\1\1\0", "HTML": b"<html><script>", "TIFF": b"II*\0\x08\0\0\0"}
    heads |= {"PDF": b"%PDF-1.7\n", "ZIP": b"PK\3\4\x14\0\0\0"}
    for name, head in heads.items():
        # As a file with a preamble: on the wire there is none, so that none can be kept.
        yield f"{name} in a preamble", refused(head.ljust(128, b"\0") + b"DICM" + instance())
        yield f"{name} in an element", taken(instance(late=element(PRIVATE, "OB", head * 20)))


CASES = dict([*uid_cases(), *structure_cases(), *value_cases(), *text_cases(), *encoding_cases()])
LARGE = {"512 MiB private tag": Case(lambda: instance(early=element(0x00091010, "OB", bytes(512 << 20))))}
