"""Large totals are remembered for two seconds, small ones never."""

from collections.abc import Iterator

import pytest

from studies.query import totals
from studies.query.totals import MANY, SECONDS, total_of


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [100.0]
    monkeypatch.setattr("studies.query.totals.time.monotonic", lambda: now[0])
    totals._known.clear()
    yield now
    totals._known.clear()


def test_a_small_total_is_of_now() -> None:
    assert [total_of("q", (), lambda found=found: found) for found in (MANY - 1, 3, 4)] == [MANY - 1, 3, 4]  # type: ignore[misc]


def test_a_large_total_is_at_most_two_seconds_old(clock: list[float]) -> None:
    assert total_of("q", (), lambda: MANY) == MANY
    clock[0] += SECONDS - 0.01
    assert total_of("q", (), lambda: MANY + 5) == MANY
    clock[0] += 0.02
    assert total_of("q", (), lambda: MANY + 5) == MANY + 5


def test_each_question_has_its_own() -> None:
    assert total_of("q", ("a",), lambda: MANY) == MANY
    assert total_of("q", ("b",), lambda: MANY + 1) == MANY + 1
    assert total_of("other", ("a",), lambda: 7) == 7


def test_few_are_remembered() -> None:
    for number in range(500):
        total_of("q", (number,), lambda: MANY)

    assert len(totals._known) <= 100
