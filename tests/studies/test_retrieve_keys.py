"""What a retrieve identifier names, section by section (PS3.4 C.4.2.1.4.1, C.4.2.2.1, C.4.2.2.2, C.6, Y.3.2)."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from dicomnet.retrieval import RetrieveRefused, Root
from studies.retrieve_keys import (
    LEVEL_TAG,
    MAXIMUM_UIDS,
    PATIENT_ID,
    SERIES_UID,
    SOP_UID,
    STUDY_UID,
    parse_keys,
)
from tests.retrieving import identifier

MISMATCH, CANNOT_COUNT, CANNOT_EXTRACT = 0xA900, 0xA701, 0xAA02


@pytest.mark.parametrize(
    ("root", "ds", "named"),
    [
        (Root.PATIENT, identifier("PATIENT", PatientID="P1"), {PATIENT_ID: ("P1",)}),
        (Root.PATIENT, identifier("PATIENT", PatientID="P*?"), {PATIENT_ID: ("P*?",)}),
        (
            Root.PATIENT,
            identifier("STUDY", PatientID="P1", StudyInstanceUID=["1.1", "1.2"]),
            {PATIENT_ID: ("P1",), STUDY_UID: ("1.1", "1.2")},
        ),
        (Root.STUDY, identifier("STUDY", StudyInstanceUID=["1.1", "1.1"]), {STUDY_UID: ("1.1",)}),
        (
            Root.STUDY,
            identifier("SERIES", StudyInstanceUID="1.1", SeriesInstanceUID="1.1.1"),
            {STUDY_UID: ("1.1",), SERIES_UID: ("1.1.1",)},
        ),
        (
            Root.STUDY,
            identifier("IMAGE", StudyInstanceUID="1.1", SeriesInstanceUID="1.1.1", SOPInstanceUID=["1.2", "1.3"]),
            {STUDY_UID: ("1.1",), SERIES_UID: ("1.1.1",), SOP_UID: ("1.2", "1.3")},
        ),
        (Root.COMPOSITE, identifier("IMAGE", SOPInstanceUID="1.2"), {SOP_UID: ("1.2",)}),
        (Root.STUDY, identifier("STUDY", StudyInstanceUID="1.1", PatientName="Doe*"), {STUDY_UID: ("1.1",)}),
        (Root.STUDY, identifier("STUDY ", StudyInstanceUID="1.1"), {STUDY_UID: ("1.1",)}),
    ],
    ids=[
        "C.6.1 patient",
        "C.4.2.2.1 a unique key is no pattern",
        "C.6.1 list of studies of a patient",
        "C.2.2.2.2 the same UID twice",
        "C.6.2 series",
        "C.6.2 list of instances",
        "Y.3.2 composite instance",
        "C.4.2.1.4.1 other keys say nothing",
        "C.4.2.1.4.1 padded level",
    ],
)
def test_unique_keys_are_read(root: Root, ds: Dataset, named: dict[int, tuple[str, ...]]) -> None:
    assert parse_keys(ds, root).named == named


@pytest.mark.parametrize(
    ("root", "ds", "status", "offending"),
    [
        (Root.STUDY, Dataset(), MISMATCH, LEVEL_TAG),
        (Root.STUDY, identifier("", StudyInstanceUID="1.1"), MISMATCH, LEVEL_TAG),
        (Root.STUDY, identifier("INSTANCE", SOPInstanceUID="1.1"), MISMATCH, LEVEL_TAG),
        (Root.STUDY, identifier("study", StudyInstanceUID="1.1"), MISMATCH, LEVEL_TAG),
        (Root.STUDY, identifier("STUDY\\SERIES", StudyInstanceUID="1.1"), MISMATCH, LEVEL_TAG),
        (Root.STUDY, identifier("PATIENT", PatientID="P1"), MISMATCH, LEVEL_TAG),
        (Root.COMPOSITE, identifier("STUDY", StudyInstanceUID="1.1"), MISMATCH, LEVEL_TAG),
        (Root.COMPOSITE, identifier("FRAME", SOPInstanceUID="1.1"), CANNOT_EXTRACT, LEVEL_TAG),
        (Root.COMPOSITE, identifier("IMAGE"), MISMATCH, SOP_UID),
        (Root.STUDY, identifier("STUDY"), MISMATCH, STUDY_UID),
        (Root.STUDY, identifier("STUDY", StudyInstanceUID=""), MISMATCH, STUDY_UID),
        (Root.STUDY, identifier("STUDY", StudyInstanceUID="*"), MISMATCH, STUDY_UID),
        (Root.STUDY, identifier("STUDY", StudyInstanceUID="1.1; DROP"), MISMATCH, STUDY_UID),
        (Root.STUDY, identifier("STUDY", StudyInstanceUID="1" * 65), MISMATCH, STUDY_UID),
        (Root.STUDY, identifier("STUDY", StudyInstanceUID="\u0661.\u0662"), MISMATCH, STUDY_UID),
        (Root.STUDY, identifier("SERIES", SeriesInstanceUID="1.1.1"), MISMATCH, STUDY_UID),
        (
            Root.STUDY,
            identifier("SERIES", StudyInstanceUID=["1.1", "1.2"], SeriesInstanceUID="1.1.1"),
            MISMATCH,
            STUDY_UID,
        ),
        (Root.STUDY, identifier("IMAGE", StudyInstanceUID="1.1", SOPInstanceUID="1.2"), MISMATCH, SERIES_UID),
        (Root.PATIENT, identifier("STUDY", StudyInstanceUID="1.1"), MISMATCH, PATIENT_ID),
        (Root.PATIENT, identifier("PATIENT"), MISMATCH, PATIENT_ID),
        (Root.PATIENT, identifier("PATIENT", PatientID=["P1", "P2"]), MISMATCH, PATIENT_ID),
        (
            Root.STUDY,
            identifier("STUDY", StudyInstanceUID=[f"1.{number}" for number in range(MAXIMUM_UIDS + 1)]),
            CANNOT_COUNT,
            STUDY_UID,
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_element_that_offends(
    root: Root, ds: Dataset, status: int, offending: int
) -> None:
    with pytest.raises(RetrieveRefused) as refused:
        parse_keys(ds, root)
    assert (refused.value.status, refused.value.offending_element) == (status, offending)
    assert 0 < len(str(refused.value)) <= 64


def test_a_key_that_came_as_bytes_is_read() -> None:
    ds = identifier("STUDY")
    ds.add(DataElement(STUDY_UID, "OB", b"1.1\0"))
    assert parse_keys(ds, Root.STUDY).uids == ("1.1",)


@pytest.mark.parametrize(("vr", "value"), [("OB", b"\xff\xfe"), ("SQ", [Dataset()])])
def test_a_key_of_another_vr_that_is_no_text_is_refused(vr: str, value: Any) -> None:
    ds = identifier("IMAGE")
    ds.add(DataElement(SOP_UID, vr, value))
    with pytest.raises(RetrieveRefused) as refused:
        parse_keys(ds, Root.COMPOSITE)
    assert (refused.value.status, refused.value.offending_element) == (MISMATCH, SOP_UID)


@pytest.mark.parametrize(
    ("ds", "named"),
    [
        (identifier("IMAGE", SOPInstanceUID="1.2"), {SOP_UID: ("1.2",)}),
        (identifier("SERIES", StudyInstanceUID="", SeriesInstanceUID="1.1.1"), {SERIES_UID: ("1.1.1",)}),
        (identifier("IMAGE", StudyInstanceUID="1.1", SOPInstanceUID="1.2"), {STUDY_UID: ("1.1",), SOP_UID: ("1.2",)}),
    ],
)
def test_relational_retrieval_leaves_out_levels_above(ds: Dataset, named: dict[int, tuple[str, ...]]) -> None:
    assert parse_keys(ds, Root.STUDY, is_relational=True).named == named


@settings(max_examples=60, deadline=None)
@given(
    level=st.sampled_from(["PATIENT", "STUDY", "SERIES", "IMAGE", "FRAME", ""]) | st.text(max_size=20),
    values=st.lists(st.text(max_size=70), max_size=4),
    root=st.sampled_from(Root),
    is_relational=st.booleans(),
)
def test_whatever_text_comes_it_is_keys_or_a_refusal(
    level: str, values: list[str], root: Root, is_relational: bool
) -> None:
    ds = Dataset()
    ds.add(DataElement(LEVEL_TAG, "CS", level, validation_mode=0))
    for tag in (PATIENT_ID, STUDY_UID, SERIES_UID, SOP_UID):
        ds.add(DataElement(tag, "LO", values, validation_mode=0))
    with suppress(RetrieveRefused):
        keys = parse_keys(ds, root, is_relational=is_relational)
        assert all(keys.named.values())
