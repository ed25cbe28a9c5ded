"""Conditions: what holds, why, and what is refused in words."""

import fnmatch
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routing.conditions import BadCondition, judge, needed_attributes, parse_conditions

FACTS = {
    "Modality": ["CT"],
    "StudyDescription": [" Thorax [low dose] 50% (a.b)* "],
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "SliceThickness": ["1.25"],
    "StudyDate": ["20261120"],
    "PatientID": [""],
    "CallingAETitle": ["CT_ROOM1"],
    "PatientName": ["Straße^Jörg"],
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
    ],
)
def test_groups(conditions: list[Any], expected: bool) -> None:
    assert judge(parse_conditions(conditions), FACTS).holds is expected


def test_a_verdict_says_why() -> None:
    verdict = judge(parse_conditions([MR, {"any": [CT]}]), FACTS)
    assert verdict.members[0].words == "Modality is MR — the instance has CT"
    assert verdict.members[1].members[0].holds
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
        | st.dictionaries(st.sampled_from(["attribute", "operator", "value", "any", "none", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)
PARTS = st.fixed_dictionaries(
    {
        "attribute": st.sampled_from(["Modality", "00091010", "x"]) | JSON,
        "operator": st.sampled_from(["equals", "contains", "matches", "in", "greater", "less", "present"]) | JSON,
        "value": JSON,
    }
)


@given(JSON | st.lists(PARTS | st.fixed_dictionaries({"any": st.lists(PARTS, max_size=3)}), max_size=3))
def test_any_json_is_parsed_or_refused_and_can_be_judged(value: Any) -> None:
    try:
        conditions = parse_conditions(value)
    except BadCondition:
        return
    judge(conditions, FACTS)
    "".join(map(str, conditions)).encode()  # a database takes no lone surrogates


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
