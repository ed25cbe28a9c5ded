"""Buckets, holes and sums, against a plain recount."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.analytics import holes
from gateway.analytics.buckets import BOUNDS, bucket, quantile
from gateway.analytics.holes import Hole
from gateway.analytics.models import What
from gateway.analytics.tally import Amount, Cell, Event, by_minute, grown, modality_key, spread
from gateway.analytics.units import KEPT, LENGTH, RANGES, Unit, beginning, is_kept
from gateway.portal.charts import round_up
from gateway.portal.words import amount, seconds

pytestmark = pytest.mark.embedded
NOW = datetime(2026, 11, 28, 12, 34, 56, tzinfo=UTC)
moments = st.datetimes(datetime(2026, 11, 1), datetime(2026, 11, 28), timezones=st.just(UTC))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("unit", "expected"),
    [
        (Unit.MINUTE, datetime(2026, 11, 28, 12, 34, tzinfo=UTC)),
        (Unit.HALF_HOUR, datetime(2026, 11, 28, 12, 30, tzinfo=UTC)),
        (Unit.THREE_HOURS, datetime(2026, 11, 28, 12, tzinfo=UTC)),
        (Unit.DAY, datetime(2026, 11, 28, tzinfo=UTC)),
        (Unit.WEEK, datetime(2026, 11, 23, tzinfo=UTC)),  # a Monday
    ],
)
def test_beginning(unit: Unit, expected: datetime) -> None:
    assert beginning(unit, NOW) == expected
    assert beginning(unit, expected) == expected
    assert beginning(unit, expected - timedelta(microseconds=1)) == expected - LENGTH[unit]


@pytest.mark.parametrize("key", RANGES)
def test_a_range_ends_with_the_running_unit_and_is_still_kept(key: str) -> None:
    chosen = RANGES[key]
    begins = chosen.begins(NOW)

    assert len(begins) == chosen.count <= 60
    assert begins[-1] <= NOW < begins[-1] + LENGTH[chosen.unit]
    assert is_kept(chosen.unit, begins[0], NOW)


@pytest.mark.parametrize(
    ("duration", "number"),
    [(0, 0), (0.05, 0), (0.051, 1), (BOUNDS[-1], len(BOUNDS) - 1), (BOUNDS[-1] + 1, len(BOUNDS))],
)
def test_bucket(duration: float, number: int) -> None:
    assert bucket(duration) == number


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ({}, 0.5, None),
        ({0: 2}, 0.5, 0.025),  # half of the first bucket, which ends at 0.05
        ({0: 1, 2: 1}, 0.5, 0.05),
        ({0: 1, 2: 1}, 1, 0.1),
        ({len(BOUNDS): 3}, 0.95, BOUNDS[-1]),  # without an end: at least so much
    ],
)
def test_quantile(counts: dict[int, int], share: float, expected: float | None) -> None:
    found = quantile(counts, share)

    assert found == (None if expected is None else pytest.approx(expected))


@given(st.lists(st.floats(0.06, 200_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_quantile_is_in_the_bucket_of_the_true_one(durations: list[float], share: float) -> None:
    true = sorted(durations)[ceil(share * len(durations)) - 1]

    found = quantile(Counter(map(bucket, durations)), share)

    assert found is not None
    assert true / 2**0.5 <= found * 1.0001
    assert found <= true * 2**0.5 * 1.0001


events = st.builds(
    Event,
    what=st.sampled_from([What.RECEIVED, What.DELIVERED]),
    at=moments,
    key=st.sampled_from(["CT", "MR", ""]),
    size_bytes=st.integers(0, 10**9),
    seconds=st.none() | st.floats(-5, 10**6),
)


@given(st.lists(events, max_size=40), st.randoms(use_true_random=False), st.integers(0, 40))
def test_events_in_any_order_and_in_any_parts_come_to_the_same(
    all_events: list[Event], random: object, cut: int
) -> None:
    shuffled = list(all_events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    whole = spread(by_minute(all_events), NOW)
    parts: dict[Cell, Amount] = {}
    for part in (shuffled[:cut], shuffled[cut:]):
        for cell, found in spread(by_minute(part), NOW).items():
            had = parts.get(cell, Amount(0))
            parts[cell] = Amount(had.number + found.number, had.size_bytes + found.size_bytes)

    assert parts == whole
    for unit in Unit:
        kept = [event for event in all_events if is_kept(unit, beginning(unit, event.at), NOW)]
        counted = sum(each.number for cell, each in whole.items() if cell.unit == unit and cell.what == What.RECEIVED)
        assert counted == sum(event.what == What.RECEIVED for event in kept)


def test_a_duration_before_its_beginning_is_no_duration() -> None:
    found = by_minute([Event(What.RECEIVED, NOW, "CT", 1, -0.1), Event(What.RECEIVED, NOW, "CT", 1, 0.1)])

    assert {cell.what: amount.number for cell, amount in found.items()} == {What.RECEIVED: 2, What.INDEX_SECONDS: 1}


def test_what_grew_is_added_and_what_shrank_stays() -> None:
    cells = [Cell(Unit.MINUTE, NOW, What.DELIVERED, key) for key in "123"]
    old = {cells[0]: Amount(5, 50), cells[1]: Amount(7, 70)}
    new = {cells[0]: Amount(6, 65), cells[1]: Amount(3, 30), cells[2]: Amount(1, 10)}

    assert grown(new, old) == {cells[0]: Amount(1, 15), cells[2]: Amount(1, 10)}
    assert grown(new, new) == {}


def test_minutes_are_not_kept_for_ever() -> None:
    old = NOW - KEPT[Unit.MINUTE] - timedelta(minutes=1)

    assert {cell.unit for cell in spread(by_minute([Event(What.STUDY, old)]), NOW)} == set(Unit) - {Unit.MINUTE}


@pytest.mark.parametrize(
    ("modality", "key"), [("CT", "CT"), (" ct ", "CT"), ("", ""), ("C", ""), ("A\\B", ""), ("X" * 17, "")]
)
def test_modality_key(modality: str, key: str) -> None:
    assert modality_key(modality) == key


@given(st.lists(st.lists(st.integers(1, 30), max_size=8), max_size=8))
def test_each_number_is_found_once_in_whatever_order_transactions_commit(commits: list[list[int]]) -> None:
    table: set[int] = set()
    found: list[int] = []
    left: list[Hole] = []
    # The first rows of a table follow no hole, so its first number is there from the beginning.
    for rows in [[1], *commits]:
        table |= set(rows)
        last = max(found, default=0)
        seen = {number for number in table if number > last} | (table & set(holes.numbers(left)))
        left = holes.after(left, last, seen, 1000)
        found += seen

    assert sorted(found) == sorted(table)
    assert set(holes.numbers(left)) == set(range(1, max(table) + 1)) - table


@pytest.mark.parametrize(
    ("now", "expected"),
    [(1600, [Hole(2, 4, 1000)]), (1601, []), (399, [])],
    ids=["still looked for", "long ended", "clock set back"],
)
def test_a_hole_is_looked_for_as_long_as_a_transaction_may_take(now: int, expected: list[Hole]) -> None:
    assert holes.after([Hole(2, 4, 1000)], 5, [], now) == expected


def test_what_was_deleted_in_bulk_is_not_looked_for() -> None:
    left = holes.after([], 10, [10 + holes.MOST_NUMBERS + 2, 10 + holes.MOST_NUMBERS + 5], 1000)

    assert left == [Hole(10 + holes.MOST_NUMBERS + 3, 10 + holes.MOST_NUMBERS + 4, 1000)]


@pytest.mark.parametrize(("count", "top"), [(0, 4), (4, 4), (5, 10), (11, 20), (41, 100), (101, 200), (999, 1000)])
def test_a_scale_ends_at_a_round_number(count: int, top: int) -> None:
    assert round_up(count) == top


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "\N{EN DASH}"), (0.0123, "12 ms"), (0.9996, "1.0 s"), (4.24, "4.2 s"), (9.96, "10 s"), (300, "5 min")],
)
def test_seconds(value: float | None, expected: str) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0, "0"), (0.033, "0.033"), (0.4, "0.4"), (12.54, "12.5"), (1250.2, "1,250")]
)
def test_amount(value: float, expected: str) -> None:
    assert amount(value) == expected
