"""The figures of the dashboard, from rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from dicomnet.models import AllowlistEntry
from routing.models import Destination, Rule
from routing.selectors import Lane
from studies.models import Study
from studies.selectors import (
    OpenCounts,
    StoredTotals,
    open_counts,
    received_per_hour,
    received_since,
    stored_totals,
)

CHART_HOURS = 24
CHART_WIDTH, CHART_HEIGHT, BAR_GAP = 960, 120, 6


@dataclass(frozen=True)
class Figures:
    """What a person on a shift wants to know at a glance."""

    stored: StoredTotals
    received_last_hour: int
    received_last_day: int
    waiting: int
    failed: int
    oldest_waiting_at: datetime | None
    open: OpenCounts


def figures(lanes: list[Lane]) -> Figures:
    """Sums over the lanes, and what the archive tells."""
    now = timezone.now()
    last_day, last_hour = received_since(now - timedelta(days=1), now - timedelta(hours=1))
    return Figures(
        stored=stored_totals(),
        received_last_hour=last_hour,
        received_last_day=last_day,
        waiting=sum(lane.waiting + lane.sending for lane in lanes),
        failed=sum(lane.failed for lane in lanes),
        oldest_waiting_at=min((lane.oldest_waiting_at for lane in lanes if lane.oldest_waiting_at), default=None),
        open=open_counts(),
    )


@dataclass(frozen=True)
class Bar:
    """One hour of the chart, in units of its view box."""

    hour: datetime
    count: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """Instances received per hour, as bars."""

    bars: list[Bar]
    top: int
    total: int

    @property
    def half(self) -> int:
        """The line in the middle."""
        return self.top // 2


def received_chart() -> Chart:
    """The last 24 hours; the running one is the last bar."""
    hours = received_per_hour(CHART_HOURS)
    top = _round_up(max(count for _, count in hours))
    step = CHART_WIDTH / CHART_HOURS
    bars = []
    for number, (hour, count) in enumerate(hours):
        # One instance among thousands is still to be seen.
        height = max(count / top * CHART_HEIGHT, 2) if count else 0
        x = number * step + BAR_GAP / 2
        bars.append(Bar(hour, count, round(x, 1), round(CHART_HEIGHT - height, 1), step - BAR_GAP, round(height, 1)))
    return Chart(bars, top, sum(count for _, count in hours))


def _round_up(count: int) -> int:
    """The next of 4, 10, 20, 40, 100 ...: a top of the scale that is easy to read and to halve."""
    top = 4
    while top < count:
        for factor in (2.5, 2, 2):
            top = round(top * factor)
            if top >= count:
                break
    return top


@dataclass(frozen=True)
class FirstSteps:
    """What an installation has already on the way to its first delivery."""

    has_callers: bool
    has_destinations: bool
    has_rules: bool
    has_studies: bool


def first_steps() -> FirstSteps:
    """Answers that the checklist ticks off; loopback alone is no modality."""
    networks = AllowlistEntry.objects.filter(may_store=True).values_list("network", flat=True)
    return FirstSteps(
        has_callers=any(not network.startswith(("127.", "::1")) for network in networks),
        has_destinations=Destination.objects.exists(),
        has_rules=Rule.objects.exists(),
        has_studies=Study.objects.exists(),
    )
