"""Filters and tags of every page: names and dates of the standard, times, sizes, icons and sortable headers."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html, json_script
from django.utils.safestring import SafeString

from gateway.portal import words
from gateway.portal.chart_marks import bars, figure_rows
from gateway.portal.pieces import deliveries_sum, moment
from gateway.portal.script_words import WORDS
from routing.action_words import action_in_words
from routing.conditions import parse_conditions
from routing.models import Priority

register = template.Library()

register.filter("person_name", words.person_name)
register.filter("iso_date", words.iso_date)
register.filter("clock_time", words.clock_time)
register.filter("uid_name", words.uid_name)
register.filter("size", words.size)
register.filter("seconds", words.seconds)
register.filter("amount", words.amount)


@register.filter
def count(value: int | None) -> str:
    """A number with its thousands apart."""
    return words.number(value or 0)


@register.filter
def milliseconds(value: float) -> str:
    """``1,250 ms``, without a fraction."""
    return f"{words.number(value)} ms"


@register.filter
def size_of_change(value: float, times: int = 1) -> str:
    """How many bytes more or fewer: ``+1.2 GB``."""
    change = round(value * times)
    sign = "\N{MINUS SIGN}" if change < 0 else "+"
    return f"{sign if change else ''}{words.size(abs(change))}"


@register.filter
def conditions(value: list[Any]) -> list[str]:
    """A rule's conditions in words, one by one."""
    return [str(condition) for condition in parse_conditions(value)]


register.filter("action_words", action_in_words)


@register.filter
def priority_label(value: int) -> str:
    """The name of a priority."""
    return str(Priority(value).label)


@register.filter
def ago(at: datetime | None) -> SafeString:
    """A moment relative to now, with the absolute one at hand; nothing for no moment."""
    return moment(at, timezone.now())


register.filter("deliveries_sum", deliveries_sum)
register.filter("bars", bars)
register.filter("figure_rows", figure_rows)


@register.filter
def lasts(since: datetime | None) -> str:
    """How long ago a moment is, as a duration; nothing for no moment."""
    return "" if since is None else words.duration(max((timezone.now() - since).total_seconds(), 0))


@register.simple_tag
@lru_cache(maxsize=1024, typed=True)  # a list of fifty rows has eighty of them
def icon(name: str, label: str = "") -> SafeString:
    """An icon of the sprite; without a label it is decoration that a screen reader skips."""
    href = static("img/icons.svg")
    if label:
        return format_html('<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"/></svg>', label, href, name)
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', href, name)


@register.simple_tag
def script_words() -> SafeString:
    """The texts of the scripts in the language of the page, as data beside it."""
    return json_script(WORDS, "words")


@register.filter
def words_of(value: Any) -> str:
    """A value of JSON as people write it: a list with commas."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@register.inclusion_tag("_sort_header.html", takes_context=True)
def sort_header(context: dict[str, Any], field: str, label: str, kind: str = "") -> dict[str, Any]:
    """A column's header that sorts by it, and the other way round when it does already."""
    current = context["ordering"]
    is_ascending, is_descending = current == field, current == f"-{field}"
    first = f"-{field}" if kind == "newest" else field
    following = {field: f"-{field}", f"-{field}": field}.get(current, first)
    return {
        "query": _replaced(context, {"ordering": following, "page": None}),
        "label": label,
        "kind": kind,
        "is_ascending": is_ascending,
        "is_descending": is_descending,
    }


@register.simple_tag(takes_context=True)
def hidden_fields(context: dict[str, Any], *leave_out: str) -> SafeString:
    """The filters in the address as hidden fields, so that a form acts on what the list shows."""
    shown = context["request"].GET
    return SafeString(
        "".join(
            format_html('<input type="hidden" name="{}" value="{}">', name, value)
            for name, values in shown.lists()
            if name not in leave_out
            for value in values
            if value
        )
    )


def _replaced(context: dict[str, Any], values: dict[str, str | None]) -> str:
    query = context["request"].GET.copy()
    for name, value in values.items():
        query.pop(name, None)
        if value is not None:
            query[name] = value
    return f"?{query.urlencode()}"
