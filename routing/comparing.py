"""How a value is compared: as a number, a date, a time of the day, or text; and text with wildcards. Pure.

Texts are given stripped and casefolded. A test is made once for a condition and then asked about every instance.
"""

import math
import operator
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydicom.datadict import dictionary_VR, tag_for_keyword

DAY_SECONDS = 24 * 3600
READ_TEXTS = 1024  # many rules ask about the same few values
Test = Callable[[str], bool]
Reader = Callable[[str], float | None]
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?|(\d{2})(\d{2})?(?:(\d{2})(\.\d{1,6})?)?", re.ASCII)
_DATE = re.compile(r"(\d{4})([.-]?)(\d{2})\2(\d{2})", re.ASCII)


@lru_cache(READ_TEXTS)
def number_of(text: str) -> float | None:
    """The number that a text is; None when it is none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) else number


@lru_cache(READ_TEXTS)
def date_of(text: str) -> float | None:
    """A DA such as ``20261120``, also with dots or hyphens, as a number that ascends; None when it is none."""
    found = _DATE.fullmatch(text)
    return float(found[1] + found[3] + found[4]) if found else None


@lru_cache(READ_TEXTS)
def time_of(text: str) -> float | None:
    """Seconds since midnight of a TM such as ``1930`` or ``193015.5``, or of ``19:30``; None when it is none.

    What a TM leaves out is zero (PS3.5 6.2); 24:00 is the end of the day.
    """
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in (found[1] or found[4], found[2] or found[5], found[3]))
    seconds = seconds or int(found[6] or 0)
    whole = hours * 3600 + minutes * 60 + seconds
    is_time = minutes < 60 and seconds <= 60 and whole <= DAY_SECONDS
    return whole + float(found[7] or 0) if is_time else None


def reader_of(attribute: str, times: tuple[str, ...]) -> Reader:
    """How the values of an attribute are ordered: by its VR in the data dictionary.

    Args:
        attribute: a keyword, a tag of eight digits, or a name of ours.
        times: names of ours that are times.
    """
    if attribute in times:
        return time_of
    tag = tag_for_keyword(attribute)
    try:
        vr = "" if tag is None else dictionary_VR(tag)
    except KeyError:
        vr = ""
    return {"DA": date_of, "TM": time_of}.get(vr, number_of)


def greater(wanted: str, read: Reader) -> Test:
    """Whether a value is greater; as text where one of the two cannot be read."""
    return _ordered(wanted, read, operator.gt)


def less(wanted: str, read: Reader) -> Test:
    """Whether a value is less; as text where one of the two cannot be read."""
    return _ordered(wanted, read, operator.lt)


def between(low: str, high: str, read: Reader) -> Test:
    """Whether a value lies between two, which are included; times past midnight when the first is the later one.

    Raises:
        ValueError: the two are not of one kind, or in the wrong order; the message says so.
    """
    first, last = read(low), read(high)
    if first is None and last is None and read is number_of:
        if low > high:
            raise ValueError(_("the first of the two values comes after the second"))
        return lambda found: low <= found <= high
    if first is None or last is None:
        raise ValueError(_("'between' takes two %(kind)s") % {"kind": _(_PLURAL[read])})
    return _within(first, last, read)


def matches(pattern: str) -> Test:
    """Whether a text is the pattern, in which ``*`` is any characters and ``?`` is one.

    Each part between two stars is looked for once, as early as possible: one expression for the whole pattern would
    try all ways to divide the text among its stars.
    """
    first, *parts = (_part(part) for part in pattern.split("*"))
    if not parts:
        return lambda text: first.fullmatch(text) is not None
    tail = len(pattern.rpartition("*")[2])

    def test(text: str) -> bool:
        found = first.match(text)
        for part in parts[:-1]:
            found = part.search(text, found.end()) if found else None
        last = len(text) - tail
        return found is not None and last >= found.end() and parts[-1].match(text, last) is not None

    return test


_PLURAL: dict[Reader, str] = {
    number_of: gettext_noop("numbers, or two texts"),
    date_of: gettext_noop("dates such as 20261120"),
    time_of: gettext_noop("times such as 19:30"),
}


def _ordered(wanted: str, read: Reader, is_so: Callable[[Any, Any], bool]) -> Test:
    bound = read(wanted)
    if bound is None:
        return lambda found: is_so(found, wanted)

    def test(found: str) -> bool:
        value = read(found)
        return is_so(found, wanted) if value is None else is_so(value, bound)

    return test


def _within(first: float, last: float, read: Reader) -> Test:
    is_past_midnight = read is time_of and first > last
    if first > last and not is_past_midnight:
        raise ValueError(_("the first of the two values comes after the second"))

    def test(found: str) -> bool:
        value = read(found)
        if value is None:
            return False
        return (value >= first or value <= last) if is_past_midnight else first <= value <= last

    return test


def _part(part: str) -> re.Pattern[str]:
    return re.compile("".join("." if char == "?" else re.escape(char) for char in part), re.DOTALL)
