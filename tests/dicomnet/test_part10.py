"""File Meta Information is written and read back (PS3.10 7.1)."""

import struct
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnet.part10 import MAXIMUM_META_BYTES, PREFIX, NotPart10, file_meta_bytes, read_file_meta
from tests.corpus import CT, EXPLICIT, pydicom_files


def written(**changes: object) -> bytes:
    values: dict[str, object] = {
        "sop_class_uid": CT,
        "sop_instance_uid": "1.2.3",
        "transfer_syntax_uid": EXPLICIT,
        "calling_ae_title": "MODALITY",
        "called_ae_title": "GANTRY",
        "private": b"receipt",
    }
    return file_meta_bytes(**(values | changes))  # type: ignore[arg-type]


def without_group_length(head: bytes) -> bytes:
    return head[:132] + head[144:]


def element(number: int, vr: bytes, value: bytes) -> bytes:
    return struct.pack("<HH2sH", 2, number, vr, len(value)) + value


def read(tmp_path: Path, content: bytes) -> object:
    path = tmp_path / "file.dcm"
    path.write_bytes(content)
    with path.open("rb") as file:
        return read_file_meta(file)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "file.dcm"
    path.write_bytes(written() + b"data")
    with path.open("rb") as file:
        meta = read_file_meta(file)
    assert (meta.sop_class_uid, meta.sop_instance_uid, meta.transfer_syntax_uid) == (CT, "1.2.3", EXPLICIT)
    assert (meta.text(0x0016), meta.text(0x0017), meta.text(0x0018)) == ("MODALITY", "MODALITY", "GANTRY")
    assert meta.elements[0x0102] == b"receipt"
    assert path.read_bytes()[meta.data_set_offset :] == b"data"


def test_pydicom_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "file.dcm"
    path.write_bytes(written())
    meta = pydicom.filereader.read_file_meta_info(path)
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert meta.SendingApplicationEntityTitle == "MODALITY"
    assert meta.PrivateInformation == b"receipt\0"


def test_group_length_may_be_missing(tmp_path: Path) -> None:
    meta = read(tmp_path, without_group_length(written()) + b"\x08\0\x16\0UI\4\0001.2\0")
    assert meta.transfer_syntax_uid == EXPLICIT  # type: ignore[attr-defined]
    assert meta.data_set_offset == len(written()) - 12  # type: ignore[attr-defined]


def test_the_group_length_ends_the_group_when_it_is_right(tmp_path: Path) -> None:
    within = element(0x0010, b"UI", b"1.2 ")  # belongs to a data set that begins with group 2
    meta = read(tmp_path, written() + within)
    assert meta.data_set_offset == len(written())  # type: ignore[attr-defined]
    assert meta.transfer_syntax_uid == EXPLICIT  # type: ignore[attr-defined]


@pytest.mark.parametrize("length", [1, 31, 5000, 0xFFFFFFFF])
def test_a_wrong_group_length_is_passed_over(tmp_path: Path, length: int) -> None:
    head = written()
    meta = read(tmp_path, head[:140] + struct.pack("<L", length) + head[144:] + b"\x08\0data")
    assert meta.data_set_offset == len(head)  # type: ignore[attr-defined]


def test_a_long_meta_is_read(tmp_path: Path) -> None:
    meta = read(tmp_path, written(private=b"x" * 300_000))
    assert meta.elements[0x0102] == b"x" * 300_000  # type: ignore[attr-defined]


def test_every_pydicom_file_is_read_as_pydicom_reads_it() -> None:
    for path in pydicom_files():
        expected = pydicom.filereader.read_file_meta_info(path)
        with path.open("rb") as file:
            meta = read_file_meta(file)
        assert meta.transfer_syntax_uid == expected.TransferSyntaxUID, path.name
        assert meta.sop_instance_uid == expected.get("MediaStorageSOPInstanceUID", ""), path.name


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "prefix"),
        (b"DICM" * 10, "prefix"),
        (PREFIX, "Transfer Syntax UID"),
        (PREFIX + element(0x0002, b"UI", b"1.2 "), "Transfer Syntax UID"),
        (PREFIX + element(0x0010, b"UI", b"1.2 ")[:-2], "cut off"),
        (PREFIX + b"\x02\0\x01\0OB\0\0", "cut off"),
        (PREFIX + struct.pack("<HH2sHL", 2, 0x0102, b"OB", 0, 0xFFFFFFFF), "cut off"),
        (PREFIX + struct.pack("<HH2sHL", 2, 0x0102, b"OB", 0, 0xFFFFFFFF) + bytes(2 * MAXIMUM_META_BYTES), "too long"),
    ],
)
def test_what_is_no_part_10_file_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(NotPart10, match=words):
        read(tmp_path, content)


def test_a_file_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    head = written()
    path = tmp_path / "file.dcm"
    # Past the Transfer Syntax UID the cut may fall between two elements, which nothing but the group length tells.
    for length in range(head.index(EXPLICIT.encode()) + len(EXPLICIT)):
        path.write_bytes(head[:length])
        with path.open("rb") as file, pytest.raises(NotPart10):
            read_file_meta(file)


@given(st.binary(max_size=300))
def test_noise_after_the_prefix_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "noise.dcm"
    path.write_bytes(PREFIX + b"\x02\0" + noise)
    with path.open("rb") as file:
        try:
            meta = read_file_meta(file)
        except NotPart10:
            return
    assert 132 < meta.data_set_offset <= len(noise) + 134
