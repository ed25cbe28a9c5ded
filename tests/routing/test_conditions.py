"""Conditions: what holds, why, and what is refused in words."""

import fnmatch
import time
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routing.conditions import OPERATORS, BadCondition, fold, judge, needed_attributes, parse_conditions
from routing.conditions import holds as holds_quickly

FACTS = {
    "Modality": ["CT"],
    "StudyDescription": [" Thorax [low dose] 50% (a.b)* "],
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "SliceThickness": ["1.25"],
    "StudyDate": ["20261120"],
    "PatientID": [""],
    "CallingAETitle": ["CT_ROOM1"],
    "PatientName": ["Straße^Jörg"],
    "StudyTime": ["091500.25"],
    "AccessionNumber": ["A150"],
    "ReceivedTime": ["235959"],
    "ReceivedWeekday": ["Sunday"],
    "StudyInstancesReceived": ["120"],
    "MatchedRules": ["Thorax", "Night shift"],
}


def holds(attribute: str, operator: str, value: Any = None) -> bool:
    conditions = parse_conditions([{"attribute": attribute, "operator": operator, "value": value}])
    return judge(conditions, FACTS).holds


@pytest.mark.parametrize(
    ("attribute", "operator", "value", "expected"),
    [
        ("Modality", "equals", "CT", True),
        ("Modality", "equals", "ct", True),
        ("Modality", "equals", " CT ", True),
        ("Modality", "equals", "C", False),
        ("Modality", "equals", "CT2", False),
        ("Manufacturer", "equals", "CT", False),
        ("ImageType", "equals", "primary", True),
        ("ImageType", "equals", "SECONDARY", False),
        ("PatientName", "equals", "STRASSE^JÖRG", True),
        ("StudyDescription", "contains", "low", True),
        ("StudyDescription", "contains", "LOW DOSE]", True),
        ("StudyDescription", "contains", "high", False),
        ("Modality", "in", "MR, ct", True),
        ("Modality", "in", ["MR", "CT"], True),
        ("Modality", "in", ["MR", "PT"], False),
        ("ImageType", "in", "AXIAL,LOCALIZER", True),
        ("SliceThickness", "less", "2", True),
        ("SliceThickness", "less", 1.25, False),
        ("SliceThickness", "greater", "0.5", True),
        ("SliceThickness", "greater", 10, False),
        ("StudyDate", "greater", "20261119", True),
        ("StudyDate", "less", "20261120", False),
        ("StudyDate", "less", "2027", True),
        ("StudyDate", "greater", "2027", False),
        ("SliceThickness", "between", ["1", "1.25"], True),
        ("SliceThickness", "between", "0.5, 1", False),
        ("SliceThickness", "between", [2, 10], False),
        ("StudyDate", "between", ["20261101", "20261120"], True),
        ("StudyDate", "between", ["2026-11-21", "2026-11-30"], False),
        ("StudyDate", "between", "2026-11-20, 2026-11-20", True),
        ("StudyTime", "between", ["0800", "093000"], True),
        ("StudyTime", "between", ["0930", "1000"], False),
        ("StudyTime", "between", ["22:00", "10:00"], True),
        ("StudyTime", "greater", "0915", True),
        ("StudyTime", "greater", "09", True),
        ("StudyTime", "less", "10", True),
        ("StudyTime", "less", "091500.2", False),
        ("AccessionNumber", "between", ["a100", "A200"], True),
        ("AccessionNumber", "between", ["A151", "A200"], False),
        ("Modality", "between", ["1", "3"], False),
        ("Manufacturer", "between", ["1", "3"], False),
        ("ReceivedTime", "between", ["19:00", "07:00"], True),
        ("ReceivedTime", "between", ["07:00", "19:00"], False),
        ("ReceivedTime", "between", ["23:59:59", "24:00"], True),
        ("ReceivedTime", "between", ["235959", "235959"], True),
        ("ReceivedTime", "greater", "1900", True),
        ("ReceivedTime", "less", "23:59", False),
        ("ReceivedTime", "matches", "23*", True),
        ("ReceivedWeekday", "equals", "sunday", True),
        ("ReceivedWeekday", "in", "Monday, Tuesday", False),
        ("StudyInstancesReceived", "greater", 20, True),
        ("StudyInstancesReceived", "between", [1, 119], False),
        ("SeriesInstancesReceived", "present", None, False),
        ("MatchedRules", "equals", "THORAX", True),
        ("MatchedRules", "matches", "teach*", False),
        ("Modality", "greater", "AA", True),
        ("Modality", "less", "aa", False),
        ("Modality", "greater", "9", True),
        ("Manufacturer", "less", "9", False),
        ("Modality", "present", None, True),
        ("PatientID", "present", None, False),
        ("Manufacturer", "present", "", False),
        ("CallingAETitle", "matches", "ct_*", True),
        ("Modality", "matches", "?T", True),
        ("Modality", "matches", "?", False),
        ("Modality", "matches", "*", True),
        ("PatientID", "matches", "*", False),
        ("StudyDescription", "matches", "*[low dose]*", True),
        ("StudyDescription", "matches", "*[lo]*", False),
        ("StudyDescription", "matches", "*50%*(a.b)*", True),
        ("StudyDescription", "matches", "*(a?b)*", True),
        ("StudyDescription", "matches", "*(aXb)*", False),
        ("StudyDescription", "matches", "thorax*thorax", False),
        ("StudyDescription", "matches", "*.*", True),
        ("StudyDescription", "matches", "^thorax", False),
        ("StudyDescription", "matches", "thorax|ct", False),
    ],
)
def test_a_comparison(attribute: str, operator: str, value: Any, expected: bool) -> None:
    assert holds(attribute, operator, value) is expected


CT = {"attribute": "Modality", "operator": "equals", "value": "CT"}
MR = {"attribute": "Modality", "operator": "equals", "value": "MR"}


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([], True),
        ([CT, CT], True),
        ([CT, MR], False),
        ([{"any": [MR, CT]}], True),
        ([{"any": [MR, MR]}], False),
        ([{"none": [MR]}], True),
        ([{"none": [MR, CT]}], False),
        ([{"any": [{"none": [CT]}, {"any": [MR, CT]}]}], True),
        ([CT, {"none": [{"any": [MR]}]}], True),
        ([{"all": [CT, CT]}], True),
        ([{"all": [CT, MR]}], False),
        ([{"any": [{"all": [CT, MR]}, {"all": [CT]}]}], True),
        ([{"none": [{"all": [CT, MR]}]}], True),
    ],
)
def test_groups(conditions: list[Any], expected: bool) -> None:
    assert judge(parse_conditions(conditions), FACTS).holds is expected


def test_a_verdict_says_why() -> None:
    verdict = judge(parse_conditions([MR, {"any": [CT]}]), FACTS)
    assert verdict.members[0].words == "Modality is MR — the instance has CT"
    assert verdict.members[1].members[0].holds
    night = parse_conditions([{"attribute": "ReceivedTime", "operator": "between", "value": "19:00, 07:00"}])
    words = "ReceivedTime is between 19:00 and 07:00 — the instance has 235959"
    assert judge(night, FACTS).members[0].words == words
    nothing = judge(parse_conditions([{"attribute": "Manufacturer", "operator": "present"}]), FACTS)
    assert nothing.members[0].words.endswith("the instance has no value")


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("(0008,0060)", "Modality"),
        ("0008,0060", "Modality"),
        ("00080060", "Modality"),
        ("00091010", "00091010"),
        ("SourceAddress", "SourceAddress"),
    ],
)
def test_an_attribute_is_a_keyword_a_tag_or_of_the_association(name: str, attribute: str) -> None:
    conditions = parse_conditions([{"attribute": name, "operator": "equals", "value": "x"}])
    assert needed_attributes(conditions) == {attribute}


def deep(levels: int) -> list[Any]:
    found: list[Any] = [CT]
    for _ in range(levels):
        found = [{"any": found}]
    return found


def test_groups_may_stand_in_each_other_five_deep() -> None:
    assert judge(parse_conditions(deep(5)), FACTS).holds


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "Conditions are a list"),
        ({}, "Conditions are a list"),
        ("[]", "Conditions are a list"),
        ([5], "Condition 1 must be an object"),
        ([CT, None], "Condition 2 must be an object"),
        ([{"attribute": "Modality", "operator": "is", "value": "CT"}], "operator must be one of equals"),
        ([{"attribute": "Modality", "operator": [], "value": "CT"}], "operator must be one of equals"),
        ([{"attribute": "Modality", "operator": {}, "value": "CT"}], "operator must be one of equals"),
        ([{"attribute": "Modality", "value": "CT"}], "operator must be one of equals"),
        ([{"operator": "equals", "value": "CT"}], "is no attribute"),
        ([{"attribute": "Modalty", "operator": "equals", "value": "CT"}], "'Modalty' is no attribute"),
        ([{"attribute": "0008", "operator": "equals", "value": "CT"}], "is no attribute"),
        ([{"attribute": 5, "operator": "equals", "value": "CT"}], "is no attribute"),
        ([CT | {"case": True}], "unknown field 'case'"),
        ([CT | {"value": ""}], "needs a value"),
        ([CT | {"value": "  "}], "needs a value"),
        ([CT | {"value": None}], "needs a value"),
        ([CT | {"value": True}], "needs a value"),
        ([CT | {"value": ["CT"]}], "needs a value"),
        ([CT | {"value": "x" * 1025}], "at most 1024"),
        ([CT | {"value": "a\0b"}], "no text"),
        ([CT | {"value": "\ud800"}], "no text"),
        ([CT | {"operator": "in", "value": []}], "takes a list"),
        ([CT | {"operator": "in", "value": 5}], "takes a list"),
        ([CT | {"operator": "in", "value": ["CT", ""]}], "needs a value"),
        ([CT | {"operator": "in", "value": [["CT"]]}], "needs a value"),
        ([CT | {"operator": "present"}], "takes no value"),
        ([CT | {"operator": "between", "value": "5"}], "takes two values"),
        ([CT | {"operator": "between", "value": [1, 2, 3]}], "takes two values"),
        ([CT | {"operator": "between", "value": 5}], "takes a list"),
        ([CT | {"operator": "between", "value": [3, 1]}], "comes after the second"),
        ([CT | {"operator": "between", "value": ["B", "A"]}], "comes after the second"),
        ([CT | {"operator": "between", "value": ["1", "B"]}], "two numbers, or two texts"),
        ([{"attribute": "StudyDate", "operator": "between", "value": "2026, 2027"}], "two dates such as"),
        ([{"attribute": "StudyDate", "operator": "between", "value": "20260202, 20260201"}], "comes after the second"),
        ([{"attribute": "StudyTime", "operator": "between", "value": "late, later"}], "two times such as"),
        ([{"attribute": "ReceivedTime", "operator": "between", "value": "7, 19"}], "ReceivedTime is 'between'"),
        ([{"attribute": "ReceivedTime", "operator": "between", "value": "24:30, 07:00"}], "two times such as"),
        ([{"attribute": "ReceivedTime", "operator": "between", "value": "08:61, 09:00"}], "two times such as"),
        ([{"attribute": "ReceivedTime", "operator": "equals", "value": "19:00"}], "ReceivedTime is 'between'"),
        ([{"attribute": "ReceivedTime", "operator": "less", "value": "noon"}], "'less' than one"),
        ([{"attribute": "ReceivedWeekday", "operator": "equals", "value": "Montag"}], "Monday to Sunday"),
        ([{"attribute": "ReceivedWeekday", "operator": "between", "value": "Monday, Friday"}], "Monday to Sunday"),
        ([{"any": []}], "at least one"),
        ([{"any": None}], "at least one"),
        ([{"any": "CT"}], "Conditions are a list"),
        ([{"any": [CT], "none": [CT]}], "has the one field"),
        ([{"any": [CT], "value": 1}], "has the one field"),
        ([{"not": [CT]}], "unknown field 'not'"),
        (deep(6), "5 deep"),
        (deep(400), "5 deep"),
    ],
)
def test_what_is_no_condition_is_refused_in_words(value: Any, words: str) -> None:
    with pytest.raises(BadCondition, match=words):
        parse_conditions(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["equals", "in"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["attribute", "operator", "value", "all", "any", "none", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)
VALUES = st.sampled_from(["CT", "1", "1.25", "2", "19:00", "07:00", "20261120", "2026-11-21", "a", "*", "Sunday"])
PARTS = st.fixed_dictionaries(
    {
        "attribute": st.sampled_from([*FACTS, "00091010", "x"]) | JSON,
        "operator": st.sampled_from(list(OPERATORS)) | JSON,
        "value": JSON | VALUES | st.lists(VALUES, max_size=3),
    }
)
SOUND = st.fixed_dictionaries(
    {
        "attribute": st.sampled_from(sorted(FACTS.keys() - {"ReceivedTime", "ReceivedWeekday"})),
        "operator": st.sampled_from(["equals", "contains", "matches", "in", "greater", "less"]),
        "value": VALUES,
    }
)
GROUPED = st.recursive(
    SOUND,
    lambda inner: st.dictionaries(
        st.sampled_from(["all", "any", "none"]), st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=1
    ),
    max_leaves=6,
)


@given(JSON | st.lists(PARTS | st.fixed_dictionaries({"any": st.lists(PARTS, max_size=3)}), max_size=3))
def test_any_json_is_parsed_or_refused_and_can_be_judged(value: Any) -> None:
    try:
        conditions = parse_conditions(value)
    except BadCondition:
        return
    assert judge(conditions, FACTS).holds == holds_quickly(conditions, fold(FACTS))
    "".join(map(str, conditions)).encode()  # a database takes no lone surrogates


@given(st.lists(GROUPED, min_size=1, max_size=3))
def test_none_is_not_any_and_all_is_none_of_the_contrary(conditions: list[Any]) -> None:
    def holds_all(*given: Any) -> bool:
        try:
            return judge(parse_conditions(list(given)), FACTS).holds
        except BadCondition as error:
            assume("deep" not in str(error))
            raise

    contraries = [{"none": [each]} for each in conditions]
    assert holds_all({"none": conditions}) is not holds_all({"any": conditions})
    assert holds_all({"all": conditions}) is holds_all(*conditions) is holds_all({"none": contraries})
    assert holds_all({"any": conditions}) is any(holds_all(each) for each in conditions)


@given(st.integers(0, 86_399), st.integers(0, 1439), st.integers(0, 1439))
def test_a_window_and_the_one_from_its_end_to_its_beginning_are_the_whole_day(now: int, low: int, high: int) -> None:
    received = {"ReceivedTime": [f"{now // 3600:02}{now // 60 % 60:02}{now % 60:02}"]}

    def is_within(first: int, last: int) -> bool:
        value = [f"{minute // 60:02}:{minute % 60:02}" for minute in (first, last)]
        window = parse_conditions([{"attribute": "ReceivedTime", "operator": "between", "value": value}])
        return judge(window, received).holds

    is_at_an_end = now in {low * 60, high * 60}
    assert is_within(low, high) or is_within(high, low) or (low == high and not is_at_an_end)
    assert (is_within(low, high) and is_within(high, low)) is is_at_an_end
    if low < high:
        assert is_within(low, high) is (low * 60 <= now <= high * 60)


@given(st.text("ab*?", max_size=12).filter(str.strip), st.text("ab", min_size=1, max_size=12))
def test_wildcards_match_as_fnmatch_does(pattern: str, value: str) -> None:
    conditions = parse_conditions([{"attribute": "Modality", "operator": "matches", "value": pattern}])
    assert judge(conditions, {"Modality": [value]}).holds == fnmatch.fnmatchcase(value, pattern)


@pytest.mark.parametrize("pattern", ["*a" * 500 + "b", "*?a" * 300 + "*b", "a*" * 500 + "b", "?" * 1000 + "*b"])
def test_a_pattern_of_many_stars_is_quick(pattern: str) -> None:
    conditions = parse_conditions([{"attribute": "Modality", "operator": "matches", "value": pattern}])
    began = time.process_time()
    assert not judge(conditions, {"Modality": ["a" * 65_536]}).holds
    assert time.process_time() - began < 0.5
