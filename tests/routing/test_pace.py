"""The limit of bytes holds whatever is asked for, and associations are added while they bring something."""

from hypothesis import given
from hypothesis import strategies as st

from routing.pace import (
    BURST_SECONDS,
    GROWTH,
    SETTLED_MEASUREMENTS,
    SHORTEST_WAIT_SECONDS,
    Associations,
    Meter,
    TokenBucket,
)

ASKED = st.lists(st.tuples(st.integers(0, 5_000_000), st.floats(0, 30)), min_size=1, max_size=60)


@given(rate=st.integers(1_000, 50_000_000), asked=ASKED)
def test_no_more_goes_than_the_rate_allows_and_one_instance(rate: int, asked: list[tuple[int, float]]) -> None:
    bucket, now, sent, largest = TokenBucket(rate, 0.0), 0.0, 0, 0
    for size, pause in asked:
        now += pause
        while wait := bucket.take(size, now):
            assert wait > 0
            now += wait
        sent, largest = sent + size, max(largest, size)
        assert sent <= (now + BURST_SECONDS) * rate + largest + rate * 1e-6


@given(rate=st.integers(1_000, 50_000_000), sizes=st.lists(st.integers(1, 5_000_000), min_size=2, max_size=60))
def test_one_who_waits_as_told_loses_nothing_of_the_rate(rate: int, sizes: list[int]) -> None:
    bucket, now = TokenBucket(rate, 0.0), 0.0
    for size in sizes:
        while wait := bucket.take(size, now):
            now += wait
    assert now <= sum(sizes[:-1]) / rate + len(sizes) * SHORTEST_WAIT_SECONDS


def test_what_is_urgent_goes_at_once_and_is_paid_by_the_others() -> None:
    bucket = TokenBucket(1000, 0.0)
    assert bucket.take(3000, 0.0) == 0
    assert bucket.take(1, 0.0) == 3
    assert bucket.take(2000, 0.0, is_urgent=True) == 0
    assert bucket.take(1, 0.0) == 5


def test_without_a_limit_everything_goes_and_a_clock_that_goes_back_earns_nothing() -> None:
    assert TokenBucket(0, 0.0).take(10**12, 0.0) == 0
    bucket = TokenBucket(1000, 100.0)
    bucket.take(1000, 100.0)
    assert bucket.take(1, 50.0) == 1
    assert bucket.take(1, 100.5) == 0.5


def test_a_rate_is_measured_over_enough_time_and_enough_instances() -> None:
    meter = Meter()
    assert meter.rate_after(100) is None
    for _ in range(10):
        meter.add(50)
    assert meter.rate_after(0) == 5
    for _ in range(10):
        meter.add(50)
    assert meter.rate_after(1.5) is None
    assert meter.rate_after(0.5) == 250


def settle(rate_of: dict[int, float], maximum: int, measurements: int) -> list[int]:
    associations, counts = Associations(maximum), []
    for _ in range(measurements):
        associations.measured(rate_of[associations.count])
        counts.append(associations.count)
    return counts


def test_associations_are_added_while_they_bring_something() -> None:
    assert settle({1: 100, 2: 195, 3: 280, 4: 282, 5: 0}, 8, 6) == [2, 3, 4, 3, 3, 3]


def test_what_brings_nothing_is_tried_again_later() -> None:
    counts = settle({1: 100, 2: 101}, 4, SETTLED_MEASUREMENTS + 2)
    assert counts[:2] == [2, 1]
    assert counts.count(2) == 2


def test_a_refusal_costs_one_association_and_the_last_one_stays() -> None:
    associations = Associations(4, count=3)
    for expected in (2, 1, 1):
        associations.refused()
        assert associations.count == expected
    associations.measured(100)
    assert associations.count == 1


@given(
    maximum=st.integers(1, 16), rates=st.lists(st.floats(0.1, 1e9), max_size=80), refused=st.sets(st.integers(0, 80))
)
def test_the_count_stays_within_its_bounds(maximum: int, rates: list[float], refused: set[int]) -> None:
    associations = Associations(maximum)
    for turn, rate in enumerate(rates):
        before = associations.count
        if turn in refused:
            associations.refused()
        else:
            associations.measured(rate)
        assert 1 <= associations.count <= maximum
        assert abs(associations.count - before) <= 1
    associations.limit(1)
    assert associations.count == 1
    assert GROWTH > 1
