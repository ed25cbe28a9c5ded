"""The same thing once, two patients never as one, whatever came first (RELIABILITY I18)."""

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword

from spanner.answers import Answer, Row, State, text_of
from spanner.merge import Merged, merge, newest_first
from studies.query.keys import QueryLevel

UID = "1.2.3"


def row(**values: Any) -> Row:
    """A row by keyword; a study when no unique key is named."""
    found: dict[str, Any] = {}
    for keyword, value in ({"StudyInstanceUID": UID} | values).items():
        tag = tag_for_keyword(keyword)
        assert tag is not None
        vr = dictionary_VR(tag)
        every = value if isinstance(value, list) else [value]
        shown = [{"Alphabetic": one} if vr == "PN" else one for one in every]
        found[f"{tag:08X}"] = {"vr": vr, "Value": shown} if value not in ("", None) else {"vr": vr}
    return found


def answers(*rows: Row) -> list[Answer]:
    """One of each source, called A, B, ..."""
    return [Answer(chr(65 + at), State.OK, [one]) for at, one in enumerate(rows)]


def merged(*rows: Row, level: QueryLevel = QueryLevel.STUDY) -> list[Merged]:
    return merge(level, answers(*rows))


def said(one: Merged, keyword: str) -> str:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return text_of(one.row, tag)


def test_the_same_study_of_three_sources_is_one_row() -> None:
    (one,) = merged(row(PatientID="P"), row(PatientID="P", StudyDescription="Thorax"), row(PatientID="P"))
    assert one.sources == ["A", "B", "C"]
    assert (said(one, "StudyDescription"), one.origins["00081030"]) == ("Thorax", "B")
    assert (one.origins["00100020"], one.is_conflicting, one.differing) == ("A", False, set())


def test_what_sources_say_differently_is_told() -> None:
    (one,) = merged(row(PatientID="P", StudyDescription="CT"), row(PatientID="P", StudyDescription="Thorax"))
    assert (said(one, "StudyDescription"), one.differing) == ("CT", {"00081030"})


@pytest.mark.parametrize("nothing", [[], [None], [""]])
def test_a_value_that_is_none_gives_way_to_one(nothing: list[Any]) -> None:
    empty = {**row(PatientID="P"), "00081030": {"vr": "LO", "Value": nothing}}
    (one,) = merged(empty, row(PatientID="P", StudyDescription="CT"))
    assert (said(one, "StudyDescription"), one.differing) == ("CT", set())


def test_counts_are_the_greatest_and_lists_are_joined() -> None:
    few = row(PatientID="P", NumberOfStudyRelatedInstances=3, ModalitiesInStudy=["CT"], RetrieveAETitle="NORTH")
    many = row(PatientID="P", NumberOfStudyRelatedInstances=40, ModalitiesInStudy=["CT", "SR"], RetrieveAETitle="SOUTH")
    (one,) = merged(few, many)
    assert one.row["00201208"]["Value"] == [40]
    assert one.row["00080061"]["Value"] == ["CT", "SR"]
    assert one.row["00080054"]["Value"] == ["NORTH", "SOUTH"]
    assert one.differing == set()


def test_the_quickest_availability_counts() -> None:
    (one,) = merged(row(InstanceAvailability="OFFLINE"), row(InstanceAvailability="ONLINE"))
    assert said(one, "InstanceAvailability") == "ONLINE"


@pytest.mark.parametrize("name", ["00080061", "00080054", "00080056", "00201208", "00100010", "00081030"])
@pytest.mark.parametrize(
    "odd", [{"vr": "SQ", "Value": [{}]}, {"vr": "PN", "Value": [{"Phonetic": "x"}]}, {"vr": "DS", "Value": [10**400]}]
)
def test_an_odd_form_of_one_source_does_not_cost_the_others_their_answer(name: str, odd: dict[str, Any]) -> None:
    (one,) = merged({**row(PatientID="P"), name: odd}, row(PatientID="P", ModalitiesInStudy=["CT"]))
    assert one.sources == ["A", "B"]


DIFFERENT = {
    "ID": ({"PatientID": "P"}, {"PatientID": "Q"}),
    "an ID and none": ({"PatientID": "P", "PatientName": "A"}, {"PatientName": "A"}),
    "issuer": ({"PatientID": "P", "IssuerOfPatientID": "N"}, {"PatientID": "P", "IssuerOfPatientID": "S"}),
    "birth date": ({"PatientID": "P", "PatientBirthDate": "19500101"}, {"PatientID": "P", "PatientBirthDate": "1951"}),
    "name without ID": ({"PatientName": "Doe^Jane"}, {"PatientName": "Doe^John"}),
}
SAME = {
    "an issuer and none": ({"PatientID": "P", "IssuerOfPatientID": "N"}, {"PatientID": "P"}),
    "a birth date and none": ({"PatientID": "P", "PatientBirthDate": "19500101"}, {"PatientID": "P"}),
    "a name with an ID": ({"PatientID": "P", "PatientName": "Doe"}, {"PatientID": "P", "PatientName": "Roe"}),
    "name as written": ({"PatientName": "DOE^JANE"}, {"PatientName": "Doe^Jane^^"}),
    "spaces": ({"PatientID": "P "}, {"PatientID": "P"}),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_different_patients_are_both_shown_and_marked(one: dict[str, str], other: dict[str, str]) -> None:
    found = merged(row(**one), row(**other))
    assert [(each.sources, each.is_conflicting) for each in found] == [(["A"], True), (["B"], True)]


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_does_not_contradict_is_one(one: dict[str, str], other: dict[str, str]) -> None:
    (found,) = merged(row(**one), row(**other))
    assert not found.is_conflicting


def test_below_the_study_a_silent_source_contradicts_nothing() -> None:
    series = {"SeriesInstanceUID": "1.2.3.4"}
    (one,) = merged(row(**series), row(**series, PatientID="P"), level=QueryLevel.SERIES)
    assert not one.is_conflicting
    found = merged(row(**series), row(**series, PatientID="P"), row(**series, PatientID="Q"), level=QueryLevel.SERIES)
    assert [(each.sources, each.is_conflicting) for each in found] == [(["A"], True), (["B"], True), (["C"], True)]


def test_who_fits_to_two_patients_is_put_to_neither() -> None:
    rows = [row(PatientID="P", IssuerOfPatientID=issuer) for issuer in ("N", "", "S")]
    for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0]):
        found = merge(QueryLevel.STUDY, [answers(*rows)[at] for at in order])
        assert sorted(each.sources for each in found) == [["A"], ["B"], ["C"]]
        assert all(each.is_conflicting for each in found)


def test_one_patient_id_is_one_person_only_by_issuer_or_name() -> None:
    def patient(**values: str) -> Row:
        return row(StudyInstanceUID="", PatientID="4711", **values)

    rows = [
        patient(PatientName="Doe", IssuerOfPatientID="N"),
        patient(PatientName="Doe-Roe", IssuerOfPatientID="N"),
        patient(PatientName="Doe"),
        patient(PatientName="Else"),
    ]
    found = merged(*rows, level=QueryLevel.PATIENT)
    assert [(each.sources, each.is_conflicting) for each in found] == [(["A", "B", "C"], False), (["D"], False)]


def test_without_deduplication_each_match_stands_for_itself_and_conflicts_are_marked() -> None:
    rows = answers(row(PatientID="P"), row(PatientID="P"), row(PatientID="Q"))
    found = merge(QueryLevel.STUDY, rows, is_deduplicating=False)
    assert [(each.sources, each.is_conflicting) for each in found] == [(["A"], True), (["B"], True), (["C"], True)]


def test_the_newest_study_is_first_and_series_go_by_their_number() -> None:
    studies = merged(row(StudyDate="20250101"), row(StudyInstanceUID="1.9", StudyDate="20260101"))
    assert [said(one, "StudyDate") for one in newest_first(QueryLevel.STUDY, studies)] == ["20260101", "20250101"]
    series = [row(SeriesInstanceUID=f"1.{number}", SeriesNumber=number) for number in (10, 9, 10**400)]
    found = newest_first(QueryLevel.SERIES, merged(*series, level=QueryLevel.SERIES))
    assert [said(one, "SeriesInstanceUID") for one in found][1:] == ["1.9", "1.10"]


def test_many_rows_of_one_uid_cost_little() -> None:
    rows = [row(PatientID=f"P{number}", PatientBirthDate=f"{number:08}") for number in range(20_000)]
    assert len(merge(QueryLevel.STUDY, [Answer("A", State.OK, rows)])) == 20_000


PATIENTS = st.fixed_dictionaries(
    {
        "PatientID": st.sampled_from(["", "P", "Q", " P"]),
        "IssuerOfPatientID": st.sampled_from(["", "N", "S"]),
        "PatientBirthDate": st.sampled_from(["", "19500101", "19600202"]),
        "PatientName": st.sampled_from(["", "Doe^Jane", "DOE^JANE^", "Roe^Rick"]),
        "StudyDescription": st.sampled_from(["", "CT", "Thorax"]),
    }
)
LEVELS = {QueryLevel.STUDY: "StudyInstanceUID", QueryLevel.SERIES: "SeriesInstanceUID", QueryLevel.PATIENT: "PatientID"}


def is_contradicted(level: QueryLevel, one: dict[str, str], other: dict[str, str]) -> bool:
    """Said on its own here, of pairs: what tells two patients apart."""
    pairs = {name: (one[name].strip(), other[name].strip()) for name in one}

    def differ(name: str) -> bool:
        return all(pairs[name]) and pairs[name][0] != pairs[name][1]

    if differ("PatientID") or differ("IssuerOfPatientID") or differ("PatientBirthDate"):
        return True
    names = [" ".join(name.replace("^", " ").split()).lower() for name in pairs["PatientName"]]
    if level is QueryLevel.STUDY and (pairs["PatientID"][0] == "") != (pairs["PatientID"][1] == ""):
        return True
    return not any(pairs["PatientID"]) and all(names) and names[0] != names[1]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    level=st.sampled_from(list(LEVELS)),
    patients=st.lists(PATIENTS, min_size=1, max_size=6),
    order=st.randoms(use_true_random=False),
)
def test_patients_are_never_mixed_and_the_order_decides_nothing(
    level: QueryLevel, patients: list[dict[str, str]], order: Any
) -> None:
    if level is QueryLevel.PATIENT:
        patients = [{**one, "PatientID": "P"} for one in patients]
    given_answers = answers(*(row(**{LEVELS[level]: UID} | one) for one in patients))
    by_source = {answer.source: one for answer, one in zip(given_answers, patients, strict=True)}
    found = merge(level, given_answers)
    assert sorted(name for one in found for name in one.sources) == sorted(by_source)
    for one in found:
        for first, second in combinations(one.sources, 2):
            assert not is_contradicted(level, by_source[first], by_source[second])
    if level is not QueryLevel.PATIENT:
        must_be_marked = any(is_contradicted(level, one, other) for one, other in combinations(patients, 2))
        assert any(one.is_conflicting for one in found) or not must_be_marked
        assert len(found) == 1 or all(one.is_conflicting for one in found)
    shuffled = order.sample(given_answers, len(given_answers))
    assert groups(merge(level, shuffled)) == groups(found)


def groups(found: Sequence[Merged]) -> set[tuple[frozenset[str], bool]]:
    """Who was put together, whatever stands first."""
    return {(frozenset(one.sources), one.is_conflicting) for one in found}


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PATIENTS, min_size=1, max_size=6))
def test_each_value_is_one_that_its_origin_has(patients: list[dict[str, str]]) -> None:
    given_answers = answers(*(row(**one) for one in patients))
    rows = {answer.source: answer.rows[0] for answer in given_answers}
    for one in merge(QueryLevel.STUDY, given_answers):
        for name, source in one.origins.items():
            assert one.row[name] == rows[source][name]
            before = one.sources[: one.sources.index(source)]
            assert not any(rows[other].get(name, {}).get("Value") for other in before)  # the first that has it
