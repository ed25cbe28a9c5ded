"""Bars for one figure a day, in units of their view box."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

WIDTH, HEIGHT, GAP = 960, 120, 2
DAYS = 90
LABELS = 6  # as many columns as the style sheet gives the captions


@dataclass(frozen=True)
class Bar:
    """One day; None where nothing is known of it."""

    on: date
    value: int | None
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class DayChart:
    """Bytes a day over the last DAYS days, the last of which is today."""

    bars: list[Bar]
    top: int

    @property
    def half(self) -> int:
        """The line in the middle."""
        return self.top // 2

    @property
    def labels(self) -> list[date]:
        """Days below the bars."""
        return [bar.on for bar in self.bars[:: DAYS // LABELS]]


def day_chart(values: Mapping[date, int], today: date) -> DayChart:
    """A bar for each day that has a value."""
    days = [today - timedelta(days=DAYS - 1 - number) for number in range(DAYS)]
    top = _round_up(max((values.get(day, 0) for day in days), default=0))
    step = WIDTH / DAYS
    bars = []
    for number, day in enumerate(days):
        value = values.get(day)
        height = max(value / top * HEIGHT, 2) if value else 0
        x = round(number * step + GAP / 2, 1)
        bars.append(Bar(day, value, x, round(HEIGHT - height, 1), round(step - GAP, 1), round(height, 1)))
    return DayChart(bars, top)


def _round_up(value: int) -> int:
    """The next of 2, 4, 10, 20, 40 ...: easy to read and to halve."""
    top = 2
    while top < value:
        for factor in (2, 2.5, 2):
            top = round(top * factor)
            if top >= value:
                break
    return top
