"""Values as text: by VR, by character set (PS3.3 C.12.1.1.2), and whatever else a device writes."""

import json
import struct
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.charset import python_encoding
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from dicomnet.part10 import IMPLEMENTATION_CLASS_UID, FileMeta, NotPart10
from studies.attributes import INDEX_TAGS, SPECIFIC_CHARACTER_SET
from studies.errors import MalformedDataSet
from studies.header import Header, read_header
from studies.scan import Scan
from tests.corpus import EXPLICIT, data_set, element, encoded, pydicom_files, write_part10

PATIENT_NAME, STUDY_DESCRIPTION, STATION_NAME = 0x00100010, 0x00081030, 0x00081010


def header_of(elements: dict[int, tuple[bytes, bytes]], *, is_little_endian: bool = True) -> Header:
    return Header(FileMeta({}, 0), Scan(elements, is_little_endian), 0, "", None)


def meta_of(receipt: bytes, creator: str = IMPLEMENTATION_CLASS_UID) -> bytes:
    body = struct.pack("<HH2sH", 2, 0x0010, b"UI", len(EXPLICIT) + 1) + EXPLICIT.encode() + b"\0"
    uid = creator.encode() + b"\0" * (len(creator) % 2)
    body += struct.pack("<HH2sH", 2, 0x0100, b"UI", len(uid)) + uid
    receipt += b"\0" * (len(receipt) % 2)
    return bytes(128) + b"DICM" + body + struct.pack("<HH2sHL", 2, 0x0102, b"OB", 0, len(receipt)) + receipt


# The defined terms of PS3.3 Table C.12-2 to C.12-5, each with text that it can write.
SINGLE = {
    "ISO_IR 100": "Buc^Jérôme",
    "ISO_IR 101": "Wałęsa",
    "ISO_IR 109": "Ĉu^Ĝi",
    "ISO_IR 110": "Āboliņš",
    "ISO_IR 144": "Люксембур\u0433",
    "ISO_IR 127": "قباني^لنزار",
    "ISO_IR 126": "Διονυσιος",
    "ISO_IR 138": "שרון^דבורה",
    "ISO_IR 148": "Çavuşoğlu",
    "ISO_IR 13": "ﾔﾏﾀﾞ^ﾀﾛｳ",
    "ISO_IR 166": "นามสกุล",
    "ISO_IR 192": "Wang^XiaoDong=王^小东",
    "GB18030": "Wang^XiaoDong=王^小东",
    "GBK": "Wang^XiaoDong=王^小东",
}
EXTENDED = {
    "\\ISO 2022 IR 87": "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "ISO 2022 IR 13\\ISO 2022 IR 87": "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    "\\ISO 2022 IR 149": "Hong^Gildong=洪^吉洞=홍^길동",
    "\\ISO 2022 IR 100\\ISO 2022 IR 144": "Buc^Jérôme=Люк",
    "\\ISO 2022 IR 126\\ISO 2022 IR 127": "Διον=قباني",
    "\\ISO 2022 IR 101\\ISO 2022 IR 109\\ISO 2022 IR 110": "Wałęsa",
    "\\ISO 2022 IR 138\\ISO 2022 IR 148\\ISO 2022 IR 166": "שרון=นามสกุล",
    "\\ISO 2022 IR 159\\ISO 2022 IR 87": "Yamada=山田=丂丄",
}


@pytest.mark.parametrize(("terms", "name"), [*SINGLE.items(), *EXTENDED.items()], ids=[*SINGLE, *EXTENDED])
def test_a_name_is_read_in_its_character_set(tmp_path: Path, terms: str, name: str) -> None:
    ds = Dataset()
    ds.SpecificCharacterSet = terms.split("\\")
    ds.PatientName = name
    header = read_header(write_part10(tmp_path, encoded(ds, EXPLICIT)), INDEX_TAGS)
    assert header.text(PATIENT_NAME) == name


@pytest.mark.parametrize(
    "path", [path for path in pydicom_files() if "truncated" not in path.name], ids=lambda path: path.name
)
def test_a_name_is_read_as_pydicom_reads_it(path: Path) -> None:
    ds = pydicom.dcmread(path, stop_before_pixels=True)
    expected = str(ds.get("PatientName", "")).strip()
    # pydicom drops component groups that are empty at the end.
    assert read_header(path, INDEX_TAGS).text(PATIENT_NAME).rstrip("=") == expected.rstrip("=")


@pytest.mark.parametrize("terms", [b"KLINGON", b"ISO_IR 999\\ISO 2022 IR 87", b"\\\\\\", b"\xff\xfe", b"utf-8", b"hex"])
def test_an_unknown_character_set_is_read_as_well_as_it_goes(terms: bytes) -> None:
    header = header_of({SPECIFIC_CHARACTER_SET: (b"CS", terms), PATIENT_NAME: (b"PN", b"D\xf6e^Jane")})
    assert header.text(PATIENT_NAME).endswith("Jane")


ESCAPES = [
    b"\x1b$B",
    b"\x1b(J",
    b"\x1b$)C",
    b"\x1b-A",
    b"\x1b(B",
    b"\x1b$(D",
    b"\x1b",
    b"\x1b$",
    b"\x1b$)",
    b"\x0e",
    b"^=\\",
]


@given(
    terms=st.lists(st.sampled_from([*python_encoding, "KLINGON", ""]), max_size=4),
    parts=st.lists(st.one_of(st.binary(max_size=6), st.sampled_from(ESCAPES)), max_size=8),
    vr=st.sampled_from([b"PN", b"LO", b"LT", b"SH", b"", b"ZZ", b"CS"]),
)
def test_no_bytes_make_the_reading_of_text_fail(terms: list[str], parts: list[bytes], vr: bytes) -> None:
    names = "\\".join(terms).encode()
    header = header_of({SPECIFIC_CHARACTER_SET: (b"CS", names), PATIENT_NAME: (vr, b"".join(parts))})
    text = header.text(PATIENT_NAME)
    text.encode()  # a database takes no lone surrogates
    assert "\0" not in text


@given(vr=st.binary(max_size=2), value=st.binary(max_size=20), little=st.booleans())
def test_no_value_of_any_vr_makes_the_reading_fail(vr: bytes, value: bytes, little: bool) -> None:
    known = vr if vr.isalpha() and vr.isupper() else b""
    for tag in (0x00280010, 0x00090010, 0x7FE00010, 0x00081115, 0x00089999):
        header_of({tag: (known, value)}, is_little_endian=little).values(tag)


@pytest.mark.parametrize(
    ("vr", "value", "values"),
    [
        (b"US", b"\0\2", ["512"]),
        (b"US", b"\0\2\1\0", ["512", "1"]),
        (b"US", b"\0", []),
        (b"SS", b"\xff\xff", ["-1"]),
        (b"FD", struct.pack("<d", 0.5), ["0.5"]),
        (b"AT", b"\x10\0\x20\0", ["00100020"]),
        (b"AT", b"\x10\0\x20", []),
        (b"LO", b" a \\ b", ["a", "b"]),
        (b"LO", b"\\", []),
        (b"LO", b"a\\", ["a", ""]),
        (b"LT", b"a\\b ", ["a\\b"]),
        (b"UI", b"1.2\0", ["1.2"]),
        (b"", b"", []),
    ],
)
def test_values_by_vr(vr: bytes, value: bytes, values: list[str]) -> None:
    assert header_of({STATION_NAME: (vr, value)}).values(STATION_NAME) == values


@pytest.mark.parametrize("syntax", [EXPLICIT, ExplicitVRBigEndian, ImplicitVRLittleEndian])
def test_numbers_are_read_in_their_byte_order(tmp_path: Path, syntax: str) -> None:
    ds = Dataset()
    ds.Rows = 513
    path = write_part10(tmp_path, encoded(ds, syntax), syntax=syntax)
    assert read_header(path, INDEX_TAGS).values(0x00280010) == ["513"]


GOOD_RECEIPT = json.dumps({"source_address": "10.1.2.3", "received_at": "2026-11-20T10:00:00+01:00"}).encode()


def test_the_receipt_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "file.dcm"
    path.write_bytes(meta_of(GOOD_RECEIPT) + data_set(sop_instance_uid=b"1.2"))
    header = read_header(path, INDEX_TAGS)
    assert header.source_address == "10.1.2.3"
    assert header.received_at is not None
    assert header.received_at.isoformat() == "2026-11-20T09:00:00+00:00"


@pytest.mark.parametrize(
    "receipt",
    [
        b"",
        b"no json",
        b"[]",
        b"7",
        b"null",
        b"{}",
        b"\xff",
        b"[" * 50_000,
        GOOD_RECEIPT.replace(b"2026-11-20T10:00", b"0001-01-01T00:00"),
        GOOD_RECEIPT.replace(b'"2026-11-20T10:00:00+01:00"', b"5"),
    ],
)
def test_a_receipt_that_is_none_is_passed_over(tmp_path: Path, receipt: bytes) -> None:
    path = tmp_path / "file.dcm"
    path.write_bytes(meta_of(receipt) + data_set(sop_instance_uid=b"1.2"))
    assert read_header(path, INDEX_TAGS).received_at is None


def test_private_information_of_others_is_no_receipt(tmp_path: Path) -> None:
    path = tmp_path / "file.dcm"
    path.write_bytes(meta_of(GOOD_RECEIPT, creator="1.2.3") + data_set(sop_instance_uid=b"1.2"))
    assert read_header(path, INDEX_TAGS).source_address == ""


def test_a_source_address_that_is_no_text_is_made_one(tmp_path: Path) -> None:
    path = tmp_path / "file.dcm"
    path.write_bytes(meta_of(GOOD_RECEIPT.replace(b'"10.1.2.3"', b"[5]")) + data_set(sop_instance_uid=b"1.2"))
    assert read_header(path, INDEX_TAGS).source_address == "[5]"


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "missing", INDEX_TAGS)
    (tmp_path / "noise").write_bytes(b"noise")
    with pytest.raises(NotPart10):
        read_header(tmp_path / "noise", INDEX_TAGS)
    with pytest.raises(MalformedDataSet, match="no data set"):
        read_header(write_part10(tmp_path, b""), INDEX_TAGS)


def test_a_value_in_the_default_repertoire_loses_no_byte() -> None:
    header = header_of({STUDY_DESCRIPTION: (b"LO", b"caf\xe9")})
    assert header.text(STUDY_DESCRIPTION) == "café"


def test_elements_that_are_not_wanted_are_not_kept(tmp_path: Path) -> None:
    data = data_set(sop_instance_uid=b"1.2", late=element(0x00991010, "LO", b"private"))
    header = read_header(write_part10(tmp_path, data), INDEX_TAGS)
    assert header.values(0x00991010) == []
    wanted = read_header(write_part10(tmp_path, data), INDEX_TAGS | {0x00991010})
    assert wanted.values(0x00991010) == ["private"]
