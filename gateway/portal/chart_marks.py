"""The marks of the dashboard's charts and the rows of their table, written without a template: there are hundreds."""

from collections.abc import Iterable
from html import escape

from django.utils.safestring import SafeString

from gateway.analytics.figures import Bin
from gateway.portal import words
from gateway.portal.charts import HEIGHT, Bar, Chart


def bars(chart: Chart) -> SafeString:
    """A group of rectangles for each unit of time."""
    last = len(chart.bars) - 1
    draw = _span if chart.is_span else _stack
    return SafeString(
        "\n".join(
            f'<g><title>{escape(bar.title)}</title><rect class="chart-back" x="{bar.x}" y="0" width="{bar.width}"'
            f' height="{HEIGHT}"/>{draw(bar, " now" if number == last else "")}</g>'
            for number, bar in enumerate(chart.bars)
        )
    )


def figure_rows(bins: Iterable[tuple[str, Bin]]) -> SafeString:
    """A row for each unit of time, for who cannot see the charts."""
    drawn = []
    for when, found in bins:
        cells = (
            words.number(found.received),
            words.number(found.delivered),
            words.number(found.failed),
            words.number(found.studies),
            words.number(found.waiting),
            words.seconds(found.waiting_seconds),
            words.seconds(found.to_index.p50_seconds),
            words.seconds(found.to_index.p95_seconds),
            words.seconds(found.to_delivery.p50_seconds),
            words.seconds(found.to_delivery.p95_seconds),
        )
        drawn.append(f'<tr><th scope="row">{escape(when)}</th><td>{"</td><td>".join(cells)}</td></tr>')
    return SafeString("\n".join(drawn))


def _stack(bar: Bar, now: str) -> str:
    low = _rect(bar, f"chart-bar{now}", bar.low_y, bar.low) if bar.low else ""
    return low + (_rect(bar, "chart-bar is-bad", bar.high_y, bar.high) if bar.high else "")


def _span(bar: Bar, now: str) -> str:
    return _rect(bar, f"chart-bar{now}", bar.high_y, bar.high) if bar.high else ""


def _rect(bar: Bar, css: str, y: float, height: float) -> str:
    return f'<rect class="{css}" x="{bar.x}" y="{y}" width="{bar.width}" height="{height}"/>'
