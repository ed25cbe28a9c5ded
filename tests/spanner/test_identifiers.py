"""Identifiers of C-FIND out and in: every character set, odd values, and bytes that mean nothing."""

from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom._dicom_dict import DicomDictionary
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicomnet.wire.elements import element
from spanner.answers import Row
from spanner.identifiers import UnreadableMatch, decode, encode, encode_row
from spanner.question import PATIENT_ID, STUDY_DATE, Question, question
from studies.character_sets import SPECIFIC_CHARACTER_SETS
from studies.query.character_sets import UNICODE, repertoire
from studies.query.keys import QueryLevel
from studies.query.received import vr_of
from tests.corpus import encoded

EXPLICIT, IMPLICIT = str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)
SYNTAXES = [EXPLICIT, IMPLICIT]
# A word in each script that the sets are there for; what a set cannot write is sent as Unicode.
WORDS = (
    "Doe", "Müller", "Łukasz", "Ħal", "Ķīpsala", "Дело", "علي", "Αθήνα", "שלום", "İstanbul", "ภาษา", "œuvre",
    "山田", "ﾔﾏﾀﾞ", "김희중", "王小东", "𠮷野",
)  # fmt: skip


def read(identifier: bytes, syntax: str) -> Dataset:
    return read_dataset(BytesIO(identifier), syntax == IMPLICIT, True)


@pytest.mark.parametrize("terms", ["", *SPECIFIC_CHARACTER_SETS, "\\ISO 2022 IR 87", "\\ISO 2022 IR 149", "NOBODY'S"])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=["explicit", "implicit"])
def test_each_word_comes_through_each_character_set(terms: str, syntax: str) -> None:
    for word in WORDS:
        row: Row = {
            "00081030": {"vr": "LO", "Value": [word, "x"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": f"{word}^A", "Ideographic": word}]},
            "0020000D": {"vr": "UI", "Value": ["1.2.3"]},
        }
        assert decode(encode_row(row, syntax, repertoire(terms)), syntax) == row


@pytest.mark.parametrize("terms", SPECIFIC_CHARACTER_SETS)
def test_what_a_source_declares_is_not_said_again(terms: str) -> None:
    row: Row = {"00080005": {"vr": "CS", "Value": [terms]}, "00081030": {"vr": "LO", "Value": ["Müller"]}}
    assert decode(encode_row(row, EXPLICIT, UNICODE), EXPLICIT)["00081030"]["Value"] == ["Müller"]


@pytest.mark.parametrize(
    ("vr", "tag", "value", "expected"),
    [
        ("IS", 0x00201208, b"12", [12]),
        ("IS", 0x00201208, b" 007 ", [7]),
        ("IS", 0x00201208, b"1_000", ["1_000"]),
        ("IS", 0x00201208, b"9" * 400, ["9" * 400]),
        ("IS", 0x00201208, b"twelve", ["twelve"]),
        ("DS", 0x00101030, b"1.50", [1.5]),
        ("DS", 0x00101030, b"1e999", ["1e999"]),
        ("DS", 0x00101030, b"nan", ["nan"]),
        ("CS", 0x00080061, b"CT\\\\SR", ["CT", None, "SR"]),
        ("UI", 0x0020000D, b"1.2.3\0", ["1.2.3"]),
        ("PN", 0x00100010, b"^^^", [{"Alphabetic": "^^^"}]),
        ("PN", 0x00100010, b"==Yama", [{"Phonetic": "Yama"}]),
        ("PN", 0x00100010, b" = = ", None),
        ("LO", 0x00081030, b"   ", None),
        ("UN", 0x0020000D, b"1.2.3 ", ["1.2.3"]),  # of which the dictionary knows better
        ("US", 0x00280010, b"\x00\x02", [512]),
        ("US", 0x00280010, b"\x00", None),  # half a number
    ],
)
def test_odd_values_are_read_as_far_as_they_go(vr: str, tag: int, value: bytes, expected: Any) -> None:
    identifier = element(tag, vr, value, is_explicit=True) if len(value) % 2 == 0 else _odd(tag, vr, value)
    found = decode(identifier, EXPLICIT)[f"{tag:08X}"]
    assert found.get("Value") == expected


def _odd(tag: int, vr: str, value: bytes) -> bytes:
    """With the length as it is, which no element may have."""
    return element(tag, vr, value + b"\0", is_explicit=True)[:-1].replace(
        (len(value) + 1).to_bytes(2, "little"), len(value).to_bytes(2, "little"), 1
    )


def test_a_sequence_is_read_with_its_text() -> None:
    item = Dataset()
    item.CodeValue, item.CodeMeaning = "1", "Thorax"
    ds = Dataset()
    ds.StudyInstanceUID, ds.ProcedureCodeSequence = "1.2", [item]
    for syntax in SYNTAXES:
        found = decode(encoded(ds, syntax), syntax)["00081032"]
        assert found["Value"][0]["00080104"] == {"vr": "LO", "Value": ["Thorax"]}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=300), st.sampled_from(SYNTAXES))
def test_bytes_that_mean_nothing_are_said_to(garbage: bytes, syntax: str) -> None:
    comes_through(garbage, syntax)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0x00080005, 0x00080020, 0x00081032, 0x00100010, 0x00201208, 0x00280106, 0x00091001]),
            st.sampled_from(["PN", "LO", "SQ", "US", "UI", "IS", "DS", "AT", "OB", "FD", "UT", "UN", "XX"]),
            st.binary(max_size=30),
        ),
        max_size=6,
    ),
    st.integers(0, 40),
)
def test_elements_of_any_bytes_never_raise_anything_else(parts: list[tuple[int, str, bytes]], cut: int) -> None:
    whole = b"".join(element(tag, vr, value, is_explicit=True) for tag, vr, value in sorted(parts))
    comes_through(whole[: len(whole) - cut], EXPLICIT)


def comes_through(identifier: bytes, syntax: str) -> None:
    """It is a row that can be written again, or it is said that it cannot be read."""
    try:
        row = decode(identifier, syntax)
    except UnreadableMatch:
        return
    for terms in ("", "ISO_IR 100", "ISO 2022 IR 6\\ISO 2022 IR 87"):
        encode_row(row, syntax, repertoire(terms))


def test_a_match_of_too_many_elements_is_refused() -> None:
    many = b"".join(element(0x00090000 + at, "LO", b"x", is_explicit=True) for at in range(0x10, 0x10 + 2_001))
    with pytest.raises(UnreadableMatch, match="more than 2000"):
        decode(many, EXPLICIT)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sets(st.sampled_from(sorted(tag for tag in DicomDictionary if tag >> 16 not in {0, 2, 0xFFFE})), max_size=8),
    st.sets(st.integers(0x00090010, 0x0009FFFF), max_size=3),
    st.sampled_from(SYNTAXES),
)
def test_whatever_is_asked_for_is_an_identifier(known: set[int], private: set[int], syntax: str) -> None:
    asked = question(QueryLevel.STUDY, {PATIENT_ID: "P"}, known | private)
    ds = read(encode(asked, syntax), syntax)
    assert {int(element.tag) for element in ds} - {0x00080005, 0x00080052} >= (known | private) - {
        0x00080005,
        0x00080052,
    }
    assert ds.PatientID == "P"
    assert all(vr_of(tag) != "SQ" or not ds[tag].value for tag in known)


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_question_says_its_character_set_only_when_it_needs_one(syntax: str) -> None:
    plain = read(encode(question(QueryLevel.STUDY, {0x00100010: "Doe*"}), syntax), syntax)
    assert "SpecificCharacterSet" not in plain
    other = read(encode(question(QueryLevel.STUDY, {0x00100010: "山田*"}), syntax), syntax)
    assert (other.SpecificCharacterSet, str(other.PatientName)) == ("ISO_IR 192", "山田*")


def test_the_digest_is_of_the_question_and_shows_nothing() -> None:
    asked = question(QueryLevel.STUDY, {PATIENT_ID: "4711", STUDY_DATE: ""})
    again = Question(asked.level, asked.wanted, tuple(reversed(asked.asked)))
    assert asked.digest == again.digest
    assert "4711" not in asked.digest
    assert asked.digest != asked.with_value(PATIENT_ID, "4712").digest
