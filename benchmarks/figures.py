"""What a run yields, and medians, ranges and ratios of many."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Run:
    """One peer at one task, once.

    Attributes:
        figures: numbers by name; empty when the run failed.
        problem: why it is no measurement.
    """

    task: str
    peer: str
    figures: dict[str, float] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class Summary:
    """One figure over several runs."""

    median: float
    least: float
    most: float
    count: int

    def __str__(self) -> str:
        if self.count == 1:
            return number(self.median)
        return f"{number(self.median)} ({number(self.least)}-{number(self.most)})"


def number(value: float) -> str:
    """A figure with three significant digits, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{min(digits, 4)}f}"


def summary(runs: Iterable[Run], task: str, peer: str, figure: str) -> Summary | None:
    """Median and range of one figure; None when no run has it."""
    values = [run.figures[figure] for run in runs if (run.task, run.peer) == (task, peer) and figure in run.figures]
    if not values:
        return None
    return Summary(statistics.median(values), min(values), max(values), len(values))


def ratio(runs: Sequence[Run], task: str, figure: str, peers: tuple[str, str]) -> float | None:
    """Median of the first peer by that of the second; None when one is missing or the second is 0."""
    first, second = (summary(runs, task, peer, figure) for peer in peers)
    if first is None or second is None or second.median == 0:
        return None
    return first.median / second.median


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all are not above (nearest rank).

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("a percentile of nothing")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
