"""The queueing model against values that are known (Erlang's tables)."""

import math

import pytest

from benchmarks.span_model import Lines, burst_seconds, lines_for


@pytest.mark.parametrize(
    ("count", "offered", "chance"),
    [(1, 0.5, 0.5), (2, 1.0, 1 / 3), (5, 4.0, 0.5541), (10, 8.0, 0.4092), (20, 10.0, 0.0037)],
)
def test_the_chance_to_wait_is_erlangs(count: int, offered: float, chance: float) -> None:
    assert Lines(count, 1.0, offered).chance_to_wait == pytest.approx(chance, abs=0.0005)


def test_one_line_waits_as_the_formula_for_one_says() -> None:
    one = Lines(1, 0.1, 5)  # half busy: as long in line as in service
    assert one.mean_wait == pytest.approx(0.1)
    assert one.wait(0.5) == pytest.approx(0, abs=1e-9)
    assert one.wait(0.95) == pytest.approx(0.1 * math.log(10) / 0.5)


def test_beyond_its_capacity_the_line_has_no_end() -> None:
    assert Lines(4, 0.1, 40).mean_wait == math.inf
    assert Lines(4, 0.1, 41).wait(0.95) == math.inf


def test_lines_are_the_least_that_suffice() -> None:
    count = lines_for(50, 0.3, 0.25)
    assert Lines(count, 0.3, 50).wait(0.95) <= 0.25 < Lines(count - 1, 0.3, 50).wait(0.95)


def test_a_burst_ends_when_the_lines_are_through_it() -> None:
    assert burst_seconds(1_000, 16, 0.3) == pytest.approx(63 * 0.3)
