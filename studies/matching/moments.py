"""Dates and times as keys write them: single values and ranges by meaning (PS3.4 C.2.2.2.5, PS3.5 6.2)."""

import re
from datetime import date

from studies.errors import InvalidQuery

_DATE = re.compile(r"(\d{4})\.?(\d{2})\.?(\d{2})")  # with points as ACR-NEMA wrote them (PS3.5 Table 6.2-1)
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?")
_LAST_COMPONENTS = "5959"
_MICROSECONDS = 6


def date_value(text: str) -> str:
    """A date in the form of a DA.

    Raises:
        InvalidQuery: it is none.
    """
    found = _DATE.fullmatch(text)
    if found is None:
        raise InvalidQuery("a date is written YYYYMMDD, a range with one hyphen")
    try:
        return date(int(found[1]), int(found[2]), int(found[3])).strftime("%Y%m%d").zfill(8)
    except ValueError as error:
        raise InvalidQuery("there is no such date") from error


def shortest_time(text: str) -> str:
    """A time without zeros at its end: 10 for 100000.00, 1015 for 101500; what is earlier is less as a text.

    Raises:
        InvalidQuery: it is none.
    """
    hours, minutes, seconds, decimals = _components(text)
    decimals = decimals.rstrip("0")
    if decimals:
        return f"{hours}{minutes}{seconds}.{decimals}"
    if seconds.strip("0"):
        return f"{hours}{minutes}{seconds}"
    return f"{hours}{minutes}" if minutes.strip("0") else hours


def last_moment(text: str) -> str:
    """The last that a time takes in: 120059.999999 for 1200.

    Raises:
        InvalidQuery: it is no time.
    """
    hours, minutes, seconds, decimals = _components(text)
    given = hours + minutes + seconds
    return f"{given}{_LAST_COMPONENTS[len(given) - 2 :]}.{decimals.ljust(_MICROSECONDS, '9')}"


def variants(shortest: str) -> tuple[str, ...]:
    """Each way to write a time, from the shortest on."""
    whole, _, decimals = shortest.partition(".")
    if decimals:
        return tuple(f"{whole}.{decimals.ljust(length, '0')}" for length in range(len(decimals), _MICROSECONDS + 1))
    padded = [whole.ljust(length, "0") for length in range(len(whole), 7, 2)]
    return (*padded, *(f"{padded[-1]}.{'0' * length}" for length in range(1, _MICROSECONDS + 1)))


def _components(text: str) -> tuple[str, str, str, str]:
    found = _TIME.fullmatch(text)
    if found is None:
        raise InvalidQuery("a time is written HHMMSS.FFFFFF or its beginning, a range with one hyphen")
    hours, minutes, seconds, decimals = (part or "" for part in found.groups())
    if hours > "23" or minutes > "59" or seconds > "60":  # 60 is a leap second
        raise InvalidQuery("there is no such time of day")
    return hours, minutes, seconds, decimals
