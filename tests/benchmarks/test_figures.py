import pytest

from benchmarks.figures import Run, Summary, number, percentile, ratio, summary

RUNS = [
    Run("receive", "A", {"per s": 30}),
    Run("receive", "A", {"per s": 10}),
    Run("receive", "A", {"per s": 20}),
    Run("receive", "B", {"per s": 5}),
    Run("receive", "B", problem="it ended"),
    Run("send", "A", {"per s": 1000}),
]


def test_summary_is_median_and_range_of_one_task_and_peer() -> None:
    assert summary(RUNS, "receive", "A", "per s") == Summary(20, 10, 30, 3)
    assert summary(RUNS, "receive", "B", "per s") == Summary(5, 5, 5, 1)
    assert summary(RUNS, "send", "B", "per s") is None
    assert summary(RUNS, "receive", "A", "unknown") is None


def test_ratio_is_of_medians_and_none_where_one_is_missing() -> None:
    assert ratio(RUNS, "receive", "per s", ("A", "B")) == 4
    assert ratio(RUNS, "receive", "per s", ("B", "A")) == 0.25
    assert ratio(RUNS, "send", "per s", ("A", "B")) is None
    assert ratio([Run("t", "A", {"x": 1}), Run("t", "B", {"x": 0})], "t", "x", ("A", "B")) is None


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, 1), (0.01, 1), (0.5, 50), (0.95, 95), (0.99, 99), (0.991, 100), (1, 100)],
)
def test_percentile_is_of_the_nearest_rank(share: float, expected: float) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_percentile_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 0.5)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.01234, "0.0123"), (0.5, "0.500"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (98765, "98765")],
)
def test_number_has_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_summary_shows_its_range_where_there_were_several_runs() -> None:
    assert str(Summary(20, 10, 30, 3)) == "20.0 (10.0-30.0)"
    assert str(Summary(20, 20, 20, 1)) == "20.0"
