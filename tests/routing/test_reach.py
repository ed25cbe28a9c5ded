"""What can never hold, and what holds whenever other conditions do."""

from typing import Any

import pytest

from routing.conditions import parse_conditions
from routing.reach import contradiction, is_implied


def compare(attribute: str, operator: str, value: Any = "") -> dict[str, Any]:
    return {"attribute": attribute, "operator": operator, "value": value}


CT, MR = compare("Modality", "equals", "CT"), compare("Modality", "equals", "MR")
IMPOSSIBLE = [
    ("two values", [CT, MR]),
    ("one value and a list without it", [CT, compare("Modality", "in", ["MR", "PT"])]),
    ("a value that the pattern does not take", [CT, compare("Modality", "matches", "M*")]),
    ("a value that is refused", [CT, {"none": [compare("Modality", "in", ["CT", "MR"])]}]),
    ("has a value and has none", [compare("Modality", "contains", "C"), {"none": [compare("Modality", "present")]}]),
    ("more than five and less than three", [compare("Rows", "greater", "5"), compare("Rows", "less", "3")]),
    ("two senders", [compare("CallingAETitle", "equals", "A"), compare("CallingAETitle", "equals", "B")]),
]
POSSIBLE = [
    ("nothing", []),
    ("one value", [CT]),
    ("case does not count", [CT, compare("Modality", "equals", "ct")]),
    ("an attribute with several values", [compare("ImageType", "equals", "A"), compare("ImageType", "equals", "B")]),
    ("two in a group of which one suffices", [{"any": [CT, MR]}]),
    ("a range", [compare("Rows", "greater", "3"), compare("Rows", "less", "5")]),
    ("a value that is not refused", [CT, {"none": [MR]}]),
]


@pytest.mark.parametrize("conditions", [each for _, each in IMPOSSIBLE], ids=[name for name, _ in IMPOSSIBLE])
def test_contradiction(conditions: list[Any]) -> None:
    assert "no value does that" in contradiction(parse_conditions(conditions), "instance")


@pytest.mark.parametrize("conditions", [each for _, each in POSSIBLE], ids=[name for name, _ in POSSIBLE])
def test_no_contradiction(conditions: list[Any]) -> None:
    assert contradiction(parse_conditions(conditions), "instance") == ""


@pytest.mark.parametrize(("scope", "is_one"), [("instance", True), ("series", True), ("study", False)])
def test_a_study_may_have_what_a_series_cannot(scope: str, is_one: bool) -> None:
    assert bool(contradiction(parse_conditions([CT, MR]), scope)) is is_one


@pytest.mark.parametrize(
    ("wider", "narrower", "follows"),
    [
        ([], [CT], True),
        ([CT], [CT, compare("Rows", "present")], True),
        ([compare("Modality", "in", ["CT", "MR"])], [CT], True),
        ([compare("Modality", "matches", "C*")], [CT], True),
        ([compare("Modality", "present")], [compare("Modality", "contains", "C")], True),
        ([{"any": [CT, MR]}], [{"any": [CT, MR]}], True),
        ([CT], [], False),
        ([CT], [compare("Modality", "in", ["CT", "MR"])], False),
        ([CT], [MR], False),
        ([{"none": [MR]}], [CT], False),  # true, but nothing is claimed that is not looked at
        ([compare("ImageType", "matches", "A*")], [compare("ImageType", "equals", "B")], False),
    ],
)
def test_is_implied(wider: list[Any], narrower: list[Any], follows: bool) -> None:
    assert is_implied(parse_conditions(wider), parse_conditions(narrower), "instance") is follows
