"""The header scan sees what pydicom sees, and nothing makes it fail in another way than its own (PS3.5 7)."""

import random
import time
from pathlib import Path
from typing import Any

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import RawDataElement
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from studies import inflate as inflating
from studies import scan as scanning
from studies.attributes import INDEX_TAGS
from studies.errors import CutOffDataSet, MalformedDataSet
from studies.scan import scan
from tests.corpus import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    as_file,
    bomb,
    data_set,
    data_set_bytes,
    deflated,
    delimiter,
    element,
    nested,
    one_of_each_encoding,
    pydicom_files,
)

PATIENT_ID, ROWS = 0x00100020, 0x00280010
SYNTAXES = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
]
MINE = data_set(sop_instance_uid=b"1.2", early=element(PATIENT_ID, "LO", b"P1"))


def found(data: bytes, syntax: str = ExplicitVRLittleEndian, tag: int = PATIENT_ID) -> bytes | None:
    value = scan(data, syntax, INDEX_TAGS).values.get(tag)
    return None if value is None else value[1]


@pytest.mark.parametrize("path", pydicom_files(), ids=lambda path: path.name)
def test_values_equal_those_of_pydicom(path: Path) -> None:
    data = data_set_bytes(path)
    ds = pydicom.dcmread(path)
    syntax = ds.file_meta.TransferSyntaxUID
    if "truncated" in str(path):
        with pytest.raises(CutOffDataSet):
            scan(data, syntax, INDEX_TAGS)
        return
    mine = {tag: value for tag, (_, value) in scan(data, syntax, INDEX_TAGS).values.items()}
    theirs: dict[int, Any] = {}
    for tag in INDEX_TAGS:
        raw: Any = pydicom.dcmread(path, specific_tags=[tag]).get_item(tag)
        if isinstance(raw, RawDataElement):
            theirs[tag] = raw.value or b""
    for tag, value in theirs.items():
        assert mine.get(tag, b"") == value, hex(tag)


@pytest.mark.parametrize(
    ("syntax", "data"), one_of_each_encoding().items(), ids=["implicit", "little", "big", "deflated"]
)
def test_each_encoding_gives_the_same_values(syntax: str, data: bytes) -> None:
    assert found(data, syntax) == b"P1"
    result = scan(data, syntax, INDEX_TAGS)
    order = "little" if result.is_little_endian else "big"
    assert int.from_bytes(result.values[ROWS][1], order) == 512  # type: ignore[arg-type]


SEQUENCE = 0x00081115
ITEM_OF_ONE = element(PATIENT_ID, "LO", b"no")
PASSED_OVER = {
    "defined lengths": element(SEQUENCE, "SQ", delimiter(ITEM, len(ITEM_OF_ONE)) + ITEM_OF_ONE),
    "undefined sequence": element(SEQUENCE, "SQ", b"", length=UNDEFINED)
    + delimiter(ITEM, len(ITEM_OF_ONE))
    + ITEM_OF_ONE
    + delimiter(SEQUENCE_END),
    "undefined item": element(SEQUENCE, "SQ", b"", length=UNDEFINED)
    + delimiter(ITEM, UNDEFINED)
    + ITEM_OF_ONE
    + delimiter(ITEM_END)
    + delimiter(SEQUENCE_END),
    "empty sequence": element(SEQUENCE, "SQ", b"", length=UNDEFINED) + delimiter(SEQUENCE_END),
    "UN of undefined length holds implicit elements": element(SEQUENCE, "UN", b"", length=UNDEFINED)
    + delimiter(ITEM, UNDEFINED)
    + b"\x10\0\x20\0\2\0\0\0no"
    + delimiter(ITEM_END)
    + delimiter(SEQUENCE_END),
    "UN within a sequence": element(SEQUENCE, "SQ", b"", length=UNDEFINED)
    + delimiter(ITEM, UNDEFINED)
    + element(0x00091010, "UN", b"", length=UNDEFINED)
    + delimiter(ITEM, UNDEFINED)
    + b"\x10\0\x20\0\2\0\0\0no"
    + delimiter(ITEM_END)
    + delimiter(SEQUENCE_END)
    + delimiter(ITEM_END)
    + delimiter(SEQUENCE_END),
    "64 deep": nested(64),
}


@pytest.mark.parametrize("name", PASSED_OVER)
def test_sequences_are_passed_over(name: str) -> None:
    data = data_set(sop_instance_uid=b"1.2", early=PASSED_OVER[name] + element(PATIENT_ID, "LO", b"P1"))
    assert found(data) == b"P1"


def test_encapsulated_pixel_data_is_walked_to_its_end() -> None:
    frames = (
        element(0x7FE00010, "OB", b"", length=UNDEFINED) + delimiter(ITEM) + delimiter(ITEM, 4) + b"\xff\xd8\xff\xd9"
    )
    assert found(MINE + frames + delimiter(SEQUENCE_END), JPEG2000Lossless) == b"P1"
    with pytest.raises(CutOffDataSet):
        found(MINE + frames, JPEG2000Lossless)
    with pytest.raises(MalformedDataSet, match="fragment"):
        found(MINE + frames[:12] + delimiter(ITEM, UNDEFINED) + bytes(8))


def test_the_first_of_two_elements_with_one_tag_counts() -> None:
    assert found(MINE + element(PATIENT_ID, "LO", b"P2")) == b"P1"


def test_a_long_value_is_cut() -> None:
    data = data_set(sop_instance_uid=b"1.2", early=element(0x00081030, "UT", b"x" * 200_000))
    assert len(found(data, tag=0x00081030) or b"") == scanning.MAXIMUM_VALUE_BYTES


@pytest.mark.parametrize("zeros", [2, 6, 7, 8, 64, 1000])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_zeros_at_the_end_are_padding(zeros: int, syntax: str) -> None:
    data = MINE if syntax == ExplicitVRLittleEndian else one_of_each_encoding()[syntax]
    assert found(data + bytes(zeros), syntax) == b"P1"


LONG_PRIVATE = element(0x00991010, "OB", bytes(range(250)) * 20)


@pytest.mark.parametrize(("kept", "is_whole"), [(len(MINE), True), (len(MINE) + 100, True), (len(MINE) - 20, False)])
def test_of_a_long_deflated_data_set_the_beginning_is_walked_and_the_rest_counted(
    monkeypatch: pytest.MonkeyPatch, kept: int, is_whole: bool
) -> None:
    monkeypatch.setattr(inflating, "MAXIMUM_KEPT_BYTES", kept)
    monkeypatch.setattr(inflating, "_PIECE_BYTES", 64)
    result = scan(deflated(MINE), DeflatedExplicitVRLittleEndian, INDEX_TAGS)
    assert result.values[PATIENT_ID] == (b"LO", b"P1")
    assert (result.unchecked == "") == is_whole
    with pytest.raises(CutOffDataSet):
        scan(deflated(MINE)[:-4], DeflatedExplicitVRLittleEndian, INDEX_TAGS)
    longer = scan(deflated(MINE + LONG_PRIVATE), DeflatedExplicitVRLittleEndian, INDEX_TAGS)
    assert (longer.unchecked == "") == (kept > len(MINE))  # the length of what ends beyond is known and right
    if kept > len(MINE):
        with pytest.raises(CutOffDataSet):
            scan(deflated(MINE + LONG_PRIVATE[:-2]), DeflatedExplicitVRLittleEndian, INDEX_TAGS)


def test_a_bomb_is_not_inflated_and_says_so() -> None:
    result = scan(bomb(b"1.2"), DeflatedExplicitVRLittleEndian, INDEX_TAGS)
    assert result.values[0x00080018] == (b"UI", b"1.2\0")
    assert "inflates" in result.unchecked


def repeated(count: int) -> bytes:
    return element(0x00991010, "LO", b"") * count


MANY = {
    "elements": repeated(1_000_000),
    "elements of a sequence": element(0x00991010, "SQ", b"", length=UNDEFINED)
    + delimiter(ITEM, UNDEFINED)
    + repeated(1_000_000),
    "items": element(0x00991010, "SQ", b"", length=UNDEFINED) + delimiter(ITEM) * 1_000_000,
    "sequences": (element(0x00991010, "SQ", b"", length=UNDEFINED) + delimiter(SEQUENCE_END)) * 500_000,
    "fragments": element(0x7FE00010, "OB", b"", length=UNDEFINED) + delimiter(ITEM) * 2_000_000,
}


@pytest.mark.parametrize("name", MANY)
def test_a_million_elements_take_bounded_time_and_are_told_of(name: str) -> None:
    began = time.process_time()
    result = scan(MINE + MANY[name], ExplicitVRLittleEndian, INDEX_TAGS)
    assert time.process_time() - began < 2
    assert result.values[PATIENT_ID] == (b"LO", b"P1")
    assert "more than" in result.unchecked
    assert result.last_tag in {0x00991010, 0x7FE00010}


def test_what_has_just_as_many_elements_as_are_walked_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "MAXIMUM_ELEMENTS", 16)
    assert scan(MINE + repeated(10), ExplicitVRLittleEndian, INDEX_TAGS).unchecked == ""
    assert scan(MINE + repeated(12), ExplicitVRLittleEndian, INDEX_TAGS).unchecked != ""


@pytest.mark.parametrize("depth", [65, 1_000, 100_000])
def test_sequences_deeper_than_the_limit_are_refused_without_recursion(depth: int) -> None:
    with pytest.raises(MalformedDataSet, match="64 deep"):
        found(MINE + nested(depth))


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_cut_is_noticed_but_one_between_elements(syntax: str) -> None:
    data = one_of_each_encoding().get(syntax, one_of_each_encoding()[ExplicitVRLittleEndian])
    whole = 0
    for end in range(len(data)):
        try:
            scan(data[:end], syntax, INDEX_TAGS)
        except MalformedDataSet:
            continue
        whole += 1
    assert whole <= 30  # a cut between two elements, or within the padding of the last


@pytest.mark.parametrize("syntax", SYNTAXES)
@settings(max_examples=60, deadline=1000)
@given(data=st.data())
def test_a_mutated_data_set_is_read_or_refused_in_time(syntax: str, data: st.DataObject) -> None:
    whole = one_of_each_encoding().get(syntax, one_of_each_encoding()[ExplicitVRLittleEndian]) + nested(3)
    mutated = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        position = data.draw(st.integers(0, len(mutated) - 4))
        mutated[position : position + 4] = data.draw(
            st.one_of(
                st.binary(min_size=0, max_size=8),
                st.sampled_from([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f", b"SQ\0\0", b"UN\0\0"]),
            )
        )
        if len(mutated) < 4:
            break
    read_or_refused(bytes(mutated[: data.draw(st.integers(0, len(mutated)))]), syntax)


@given(st.binary(max_size=200), st.sampled_from(SYNTAXES))
def test_noise_is_read_or_refused(noise: bytes, syntax: str) -> None:
    read_or_refused(noise, syntax)


def test_many_mutations_of_real_files_are_read_or_refused() -> None:
    seeded = random.Random(7)
    files = [path for path in pydicom_files() if path.stat().st_size < 50_000]
    for path in seeded.sample(files, 20):
        syntax = pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
        whole = data_set_bytes(path)
        for _ in range(20):
            mutated = bytearray(whole)
            for _ in range(8):
                mutated[seeded.randrange(len(mutated))] = seeded.randrange(256)
            read_or_refused(bytes(mutated), syntax)


def read_or_refused(data: bytes, syntax: str) -> None:
    began = time.process_time()
    try:
        result = scan(data, syntax, INDEX_TAGS)
    except MalformedDataSet:
        pass
    else:
        assert result.values.keys() <= INDEX_TAGS
    assert time.process_time() - began < 1


def test_the_reader_of_files_and_of_memory_agree() -> None:
    assert scan(memoryview(as_file(MINE).getbuffer()), ExplicitVRLittleEndian, INDEX_TAGS) == scan(
        MINE, ExplicitVRLittleEndian, INDEX_TAGS
    )
