"""Questions as plain data."""

import pytest

from spanner.question import PATIENT_ID, SERIES_UID, STUDY_DATE, STUDY_UID, question
from studies.errors import InvalidQuery
from studies.query.keys import QueryLevel
from studies.query.received import vr_of

NAME = 0x00100010


@pytest.mark.parametrize("anything", ["", "*", "**", "  ", "\0"])
def test_universal_values_are_only_asked_to_be_returned(anything: str) -> None:
    asked = question(QueryLevel.STUDY, {NAME: anything})
    assert asked.wanted == ()
    assert NAME in asked.tags


@pytest.mark.parametrize("level", [QueryLevel.SERIES, QueryLevel.IMAGE])
@pytest.mark.parametrize("study", ["", "*", "1.2\\1.3"])
def test_below_the_study_one_study_is_named(level: QueryLevel, study: str) -> None:
    with pytest.raises(InvalidQuery, match="name one StudyInstanceUID"):
        question(level, {STUDY_UID: study})


@pytest.mark.parametrize(
    ("tag", "value"), [(STUDY_DATE, "yesterday"), (STUDY_DATE, "-"), (PATIENT_ID, "A\\B"), (NAME, "x" * 2_000)]
)
def test_a_value_that_means_nothing_is_refused_by_name(tag: int, value: str) -> None:
    with pytest.raises(InvalidQuery, match=r"StudyDate|PatientID|PatientName") as refused:
        question(QueryLevel.STUDY, {tag: value})
    assert value not in str(refused.value) or value == "-"


def test_whose_it_is_is_asked_for_where_a_source_can_say() -> None:
    assert {0x00100020, 0x00100021, 0x00100030, NAME} <= set(question(QueryLevel.STUDY, {}).tags)
    series = question(QueryLevel.SERIES, {STUDY_UID: "1.2"})
    assert {STUDY_UID, SERIES_UID} <= set(series.tags)
    assert PATIENT_ID not in series.tags


def test_a_value_is_changed_without_touching_the_rest() -> None:
    asked = question(QueryLevel.STUDY, {PATIENT_ID: "P", NAME: "Doe*"})
    assert asked.with_value(PATIENT_ID, "Q").value(PATIENT_ID) == "Q"
    assert asked.with_value(PATIENT_ID, "").wanted == ((NAME, "Doe*"),)
    assert asked.value(PATIENT_ID) == "P"


@pytest.mark.parametrize(
    ("tag", "vr"), [(PATIENT_ID, "LO"), (0x00280106, "US"), (0x7FE00010, "OB"), (0x00091001, "LO"), (0xFFFEE000, "LO")]
)
def test_each_tag_has_one_vr(tag: int, vr: str) -> None:
    assert vr_of(tag) == vr
