"""The order of merged matches: of pages, and as it was asked for."""

from typing import Any

from spanner.answers import Answer, State
from spanner.merge import in_order, merge, newest_first
from studies.query.keys import QueryLevel

SERIES_UID, SERIES_NUMBER, DESCRIPTION = "0020000E", "00200011", "0008103E"


def series(uid: str, number: Any, description: str = "") -> dict[str, Any]:
    row = {SERIES_UID: {"vr": "UI", "Value": [uid]}, SERIES_NUMBER: {"vr": "IS", "Value": [number]}}
    return row | ({DESCRIPTION: {"vr": "LO", "Value": [description]}} if description else {})


def uids(found: Any) -> list[str]:
    return [one.row[SERIES_UID]["Value"][0] for one in found]


def test_numbers_are_in_order_however_they_are_written() -> None:
    rows = [series("1", "10"), series("2", 9), series("3", " 2 "), series("4", 1), series("5", "no number")]

    merged = merge(QueryLevel.SERIES, [Answer("North", State.OK, rows)])

    assert uids(newest_first(QueryLevel.SERIES, merged)) == ["5", "4", "3", "2", "1"]
    assert uids(in_order(merged, [(int(SERIES_NUMBER, 16), True)])) == ["1", "2", "3", "4", "5"]


def test_what_has_no_value_stands_last_in_both_directions() -> None:
    rows = [series("1", 1), series("2", 2, "b"), series("3", 3, "A"), series("4", 3, "a")]
    merged = merge(QueryLevel.SERIES, [Answer("North", State.OK, rows)])
    tag = int(DESCRIPTION, 16)

    assert uids(in_order(merged, [(tag, False)])) == ["3", "4", "2", "1"]
    assert uids(in_order(merged, [(tag, True)])) == ["2", "3", "4", "1"]
    assert uids(in_order(merged, [(tag, False), (int(SERIES_NUMBER, 16), True)])) == ["3", "4", "2", "1"]
