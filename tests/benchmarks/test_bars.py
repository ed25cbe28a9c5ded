import pytest

from benchmarks.bars import BARS, GANTRY, ORTHANC, Bar, Verdict
from benchmarks.figures import Run
from benchmarks.report import Sheet, bars_sheet, markdown, sheets, task_sheet

RUNS = [
    Run("receive ct 1", GANTRY, {"indexed/s": 300, "p99 ms": 12}),
    Run("receive ct 1", GANTRY, {"indexed/s": 500, "p99 ms": 90}),
    Run("receive ct 1", GANTRY, {"indexed/s": 400, "p99 ms": 14}),
    Run("receive ct 1", ORTHANC, {"indexed/s": 200, "p99 ms": 30}),
]
RATIO = Bar("receive ct 1", "indexed/s", 1.5, 3, ORTHANC)
CEILING = Bar("receive ct 1", "p99 ms", 60, 10, unit="ms", is_ceiling=True)


def test_a_bar_against_a_peer_compares_medians() -> None:
    assert RATIO.value(RUNS) == 2
    assert RATIO.verdict(2) is Verdict.REACHED


@pytest.mark.parametrize(
    ("bar", "value", "verdict"),
    [
        (RATIO, 1.49, Verdict.MISSED),
        (RATIO, 1.5, Verdict.REACHED),
        (RATIO, 3, Verdict.GOAL),
        (CEILING, 61, Verdict.MISSED),
        (CEILING, 60, Verdict.REACHED),
        (CEILING, 10, Verdict.GOAL),
        (CEILING, None, Verdict.NOT_MEASURED),
    ],
)
def test_verdict(bar: Bar, value: float | None, verdict: Verdict) -> None:
    assert bar.verdict(value) is verdict


def test_a_bar_without_a_measurement_says_so() -> None:
    sheet = bars_sheet([], [RATIO])
    assert sheet.rows == [("Gantry: receive ct 1, indexed/s", "Orthanc", "", "1.5 x", "3 x", "not measured")]


def test_a_failed_run_shows_in_every_table_that_it_touches() -> None:
    runs = [*RUNS, Run("receive ct 1", ORTHANC, problem="Failed: 3 of 4 are stored")]
    assert task_sheet(runs, "receive ct 1").rows[1][0] == "Orthanc - 1 of 2 FAILED"
    assert bars_sheet(runs, [RATIO]).rows[0][-1] == "reached, runs failed"
    last = list(sheets(runs))[-1]
    assert last == Sheet(
        "Failed runs", ("task", "peer", "problem"), [("receive ct 1", ORTHANC, "Failed: 3 of 4 are stored")]
    )


def test_a_figure_that_a_peer_does_not_have_stays_empty() -> None:
    runs = [Run("t", "A", {"x": 1.0}), Run("t", "B", {"y": 2.0})]
    assert task_sheet(runs, "t") == Sheet("t", ("peer", "x", "y"), [("A", "1.00", ""), ("B", "", "2.00")])


def test_markdown_holds_every_table() -> None:
    text = markdown(RUNS, ["One round."])
    assert "- One round." in text
    assert "| Gantry | 400 (300-500) | 14.0 (12.0-90.0) |" in text
    assert "| Gantry: receive ct 1, indexed/s | Orthanc | 2.00 x | 2 x | 3 x | reached |" in text


def test_every_bar_asks_more_of_the_goal_than_of_what_is_to_reach() -> None:
    for bar in BARS:
        assert bar.goal <= bar.to_reach if bar.is_ceiling else bar.goal >= bar.to_reach
