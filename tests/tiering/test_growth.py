"""Growth and the day on which a disk is full, from figures that are not smooth."""

from datetime import date, timedelta

import pytest

from tiering.growth import Filling, filling, per_day

TODAY = date(2026, 11, 20)


def points(values: list[int]) -> list[tuple[date, int]]:
    """One for each day, the last of them today."""
    return [(TODAY - timedelta(days=len(values) - 1 - number), value) for number, value in enumerate(values)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([100 + 10 * day for day in range(30)], 10),
        ([100 + 10 * day + (5_000 if day == 12 else 0) for day in range(30)], 10),  # one day stands out
        ([1_000 - 20 * day for day in range(30)], -20),
        ([7] * 30, 0),
        ([0, 100, 200], None),
        ([], None),
    ],
    ids=["even", "one day stands out", "shrinks", "stays", "three days", "nothing"],
)
def test_growth_in_a_day(values: list[int], expected: float | None) -> None:
    found = per_day(points(values), today=TODAY, days=30)
    assert found == (None if expected is None else pytest.approx(expected))


def test_days_before_are_left_out() -> None:
    values = [0] * 60 + [10 * day for day in range(31)]
    assert per_day(points(values), today=TODAY, days=30) == pytest.approx(10)
    assert per_day(points(values), today=TODAY, days=90) == pytest.approx(0, abs=3)


def test_days_that_are_missing_do_not_matter() -> None:
    some = [point for number, point in enumerate(points([10 * day for day in range(30)])) if number % 3 == 0]
    assert per_day(some, today=TODAY, days=30) == pytest.approx(10)


GROWING = [10 * day for day in range(30)]


@pytest.mark.parametrize(
    ("values", "free", "expected"),
    [
        (GROWING, 100, Filling(TODAY + timedelta(days=10), "about 2026-11-30, in 10 days")),
        (GROWING, 10, Filling(TODAY + timedelta(days=1), "about 2026-11-21, in 1 day")),
        (GROWING, 0, Filling(TODAY, "full now")),
        (GROWING, -5, Filling(TODAY, "full now")),
        (GROWING, None, Filling(None, "no limit known")),
        (GROWING, 10**9, Filling(None, "not within ten years")),
        ([5] * 30, 100, Filling(None, "not filling")),
        (GROWING[::-1], 100, Filling(None, "not filling")),
        ([1, 2, 3], 100, Filling(None, "too little history: 3 days known, 8 are needed")),
        ([1], 100, Filling(None, "too little history: 1 day known, 8 are needed")),
    ],
)
def test_when_it_is_full(values: list[int], free: int | None, expected: Filling) -> None:
    assert filling(points(values), free, today=TODAY) == expected
