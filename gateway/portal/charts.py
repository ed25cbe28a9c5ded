"""Charts of a range as the dashboard draws them, in units of their view box. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import log10

from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from gateway.analytics.figures import Bin, Durations, Figures
from gateway.analytics.units import LENGTH, Unit
from gateway.portal import words

WIDTH, HEIGHT, GAP = 480, 100, 1.5
LEAST = 2  # one instance among thousands is still to be seen
LABELS = 4
LOWEST_SECONDS = 0.1  # of the scale of durations; what is quicker stands on its base
_CLOCK = (Unit.MINUTE, Unit.HALF_HOUR)


@dataclass(frozen=True)
class Bar:
    """One unit of time.

    Attributes:
        title: what it says when it is pointed at.
        low: height of the lower part; with a duration, where its bar begins.
        high: height of the part above it.
    """

    title: str
    x: float
    width: float
    low: float
    high: float = 0.0

    @property
    def low_y(self) -> float:
        """The top of the lower part."""
        return round(HEIGHT - self.low, 1)

    @property
    def high_y(self) -> float:
        """The top of the upper part."""
        return round(HEIGHT - self.low - self.high, 1)


@dataclass(frozen=True)
class Chart:
    """Bars with their scale.

    Attributes:
        scale: what stands beside the top, the middle and the base.
        labels: what stands below, from left to right.
        is_span: a bar goes from its lower value to its higher one; else the higher stands upon the lower.
    """

    bars: list[Bar]
    scale: tuple[str, str, str]
    labels: list[str]
    is_span: bool = False

    @property
    def height(self) -> int:
        """Of the view box."""
        return HEIGHT

    @property
    def width(self) -> int:
        """Of the view box."""
        return WIDTH


def count_chart(found: Figures, value: Callable[[Bin], int], counted: Callable[[int], str]) -> Chart:
    """A bar for each unit."""
    values = [value(each) for each in found.bins]
    top = round_up(max(values))
    minutes = LENGTH[found.range.unit].total_seconds() / 60
    bars = []
    for number, each in enumerate(found.bins):
        title = f"{moment(each.begins_at, found.range.unit)}: {counted(values[number])}"
        if minutes > 1 and values[number]:
            title += _(", %(amount)s per minute") % {"amount": words.amount(values[number] / minutes)}
        bars.append(Bar(title, *_place(number, len(values)), _height(values[number], top)))
    return Chart(bars, (words.number(top), words.number(top // 2), "0"), _labels(found))


def delivered_chart(found: Figures) -> Chart:
    """Deliveries done, and on top of them the attempts that failed."""
    top = round_up(max(each.delivered + each.failed for each in found.bins))
    bars = []
    for number, each in enumerate(found.bins):
        title = f"{moment(each.begins_at, found.range.unit)}: {_delivered(each.delivered)}"
        if each.failed:
            title += f", {_failed(each.failed)}"
        place = _place(number, len(found.bins))
        bars.append(Bar(title, *place, _height(each.delivered, top), _height(each.failed, top)))
    return Chart(bars, (words.number(top), words.number(top // 2), "0"), _labels(found))


def queue_chart(found: Figures) -> Chart:
    """The most deliveries that waited at once."""
    top = round_up(max(each.waiting for each in found.bins))
    bars = []
    for number, each in enumerate(found.bins):
        at_most = _("at most %(number)s waiting") % {"number": words.number(each.waiting)}
        title = f"{moment(each.begins_at, found.range.unit)}: {at_most}"
        if each.waiting_seconds:
            title += _(", the oldest for %(time)s") % {"time": words.duration(each.waiting_seconds)}
        bars.append(Bar(title, *_place(number, len(found.bins)), _height(each.waiting, top)))
    return Chart(bars, (words.number(top), words.number(top // 2), "0"), _labels(found))


def duration_chart(found: Figures, value: Callable[[Bin], Durations]) -> Chart:
    """For each unit a bar from its median to its 95th percentile, on a scale of powers of ten."""
    both = [(value(each).p50_seconds, value(each).p95_seconds) for each in found.bins]
    top = 10.0
    while top < max((p95 for _, p95 in both if p95 is not None), default=0):
        top *= 10
    bars = []
    for number, (p50, p95) in enumerate(both):
        when = moment(found.bins[number].begins_at, found.range.unit)
        place = _place(number, len(both))
        if p50 is None or p95 is None:
            bars.append(Bar(f"{when}: {_('none')}", *place, 0))
            continue
        low = _log_height(p50, top)
        within = _("half within %(half)s, 95 %% within %(most)s")
        title = within % {"half": words.seconds(p50), "most": words.seconds(p95)}
        bars.append(Bar(f"{when}: {title}", *place, low, max(round(_log_height(p95, top) - low, 1), LEAST)))
    middle = LOWEST_SECONDS * (top / LOWEST_SECONDS) ** 0.5
    return Chart(
        bars, (words.seconds(top), words.seconds(middle), words.seconds(LOWEST_SECONDS)), _labels(found), is_span=True
    )


def moment(at: datetime, unit: Unit) -> str:
    """When a unit began, as precisely as it is long."""
    if unit == Unit.DAY:
        return f"{at:%Y-%m-%d}"
    if unit == Unit.WEEK:
        return _("week of %(day)s") % {"day": f"{at:%Y-%m-%d}"}
    return f"{at:%Y-%m-%d %H:%M} UTC"


def round_up(count: int) -> int:
    """The next of 4, 10, 20, 40, 100 ...: a top of the scale that is easy to read and to halve."""
    top = 4
    while top < count:
        for factor in (2.5, 2, 2):
            top = round(top * factor)
            if top >= count:
                break
    return top


def _place(number: int, count: int) -> tuple[float, float]:
    step = WIDTH / count
    return round(number * step + GAP / 2, 1), round(step - GAP, 1)


def _height(value: int, top: int) -> float:
    return round(max(value / top * HEIGHT, LEAST), 1) if value else 0


def _log_height(seconds: float, top: float) -> float:
    share = log10(max(seconds, LOWEST_SECONDS) / LOWEST_SECONDS) / log10(top / LOWEST_SECONDS)
    return round(share * (HEIGHT - LEAST), 1)


def _labels(found: Figures) -> list[str]:
    form = "H:i" if found.range.unit in _CLOCK else pgettext("day and month, in letters of Django's date filter", "M d")
    bins: Sequence[Bin] = found.bins
    return [date_format(bins[number * len(bins) // LABELS].begins_at, form) for number in range(LABELS)]


def instances(number: int) -> str:
    """So many instances."""
    return ngettext("%(number)s instance", "%(number)s instances", number) % {"number": words.number(number)}


def studies(number: int) -> str:
    """So many studies."""
    return ngettext("%(number)s study", "%(number)s studies", number) % {"number": words.number(number)}


def _delivered(number: int) -> str:
    return ngettext("%(number)s delivered", "%(number)s delivered", number) % {"number": words.number(number)}


def _failed(number: int) -> str:
    words_of = ngettext("%(number)s attempt failed", "%(number)s attempts failed", number)
    return words_of % {"number": words.number(number)}
