"""Conditions of policies as JSON: what may be said, and in what words the rest is refused."""

from typing import Any

import pytest

from tiering.conditions import BadConditions, Conditions, parse_conditions, percent_after


def test_nothing_asked() -> None:
    assert parse_conditions({}) == Conditions()


def test_everything_asked() -> None:
    found = parse_conditions(
        {
            "older_than_days": 0,
            "study_older_than_days": 36_500,
            "not_used_for_days": 90,
            "above_percent": 85,
            "until_percent": 70,
            "modalities": ["CT", " MR "],
            "sources": ["CT_ROOM1"],
            "description_contains": " 100% thorax_ ",
            "larger_than_mb": 1,
            "smaller_than_mb": 2,
            "labels": ["research"],
            "not_labels": ["teaching"],
        }
    )

    assert (found.older_than_days, found.study_older_than_days, found.not_used_for_days) == (0, 36_500, 90)
    assert (found.above_percent, found.until_percent, found.larger_than_mb, found.smaller_than_mb) == (85, 70, 1, 2)
    assert (found.modalities, found.sources, found.labels) == (("CT", "MR"), ("CT_ROOM1",), ("research",))
    assert (found.description_contains, found.not_labels) == ("100% thorax_", ("teaching",))


@pytest.mark.parametrize(
    ("asked", "until"),
    [({"above_percent": 85}, 80), ({"above_percent": 3}, 0), ({"above_percent": 9, "until_percent": 1}, 1)],
)
def test_down_to_where_a_policy_clears(asked: dict[str, Any], until: int) -> None:
    assert percent_after(parse_conditions(asked)) == until


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "are an object"),
        (None, "are an object"),
        ("older_than_days", "are an object"),
        ({"older_then_days": 5}, "no condition 'older_then_days'.*older_than_days"),
        ({"older_than_days": -1}, "older_than_days must be a whole number from 0 to 36500"),
        ({"older_than_days": 36_501}, "older_than_days must be"),
        ({"older_than_days": "30"}, "older_than_days must be"),
        ({"older_than_days": 1.5}, "older_than_days must be"),
        ({"older_than_days": True}, "older_than_days must be"),
        ({"older_than_days": None}, "older_than_days must be"),
        ({"study_older_than_days": 10**30}, "study_older_than_days must be"),
        ({"not_used_for_days": [1]}, "not_used_for_days must be"),
        ({"above_percent": 0}, "above_percent must be"),
        ({"above_percent": 101}, "above_percent must be"),
        ({"until_percent": 50}, "until_percent needs above_percent"),
        ({"above_percent": 50, "until_percent": 50}, "until_percent must be less"),
        ({"modalities": []}, "modalities must be a list of 1 to 100"),
        ({"modalities": "CT"}, "modalities must be a list"),
        ({"modalities": ["CT", ""]}, "modalities must be text"),
        ({"modalities": ["CT\\SR"]}, "modalities: .*backslash"),
        ({"modalities": [1]}, "modalities must be text"),
        ({"sources": []}, "sources must be a list"),
        ({"sources": ["A"] * 101}, "sources must be a list"),
        ({"description_contains": "  "}, "description_contains must be text"),
        ({"description_contains": "a\0b"}, "description_contains has a character"),
        ({"description_contains": "a\ud800b"}, "description_contains has a character"),
        ({"description_contains": "x" * 65}, "description_contains: .*at most 64"),
        ({"larger_than_mb": -1}, "larger_than_mb must be"),
        ({"smaller_than_mb": 10**10}, "smaller_than_mb must be"),
        ({"larger_than_mb": 5, "smaller_than_mb": 5}, "smaller_than_mb must be more"),
        ({"labels": []}, "labels must be a list"),
        ({"not_labels": {"a": 1}}, "not_labels must be a list"),
    ],
)
def test_what_is_refused_names_the_key(given: Any, words: str) -> None:
    with pytest.raises(BadConditions, match=words):
        parse_conditions(given)
