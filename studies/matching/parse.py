"""From the value of a key to its matcher, by VR (PS3.4 C.2.2.2)."""

import re
from collections.abc import Callable

from studies.errors import InvalidQuery
from studies.matching.matchers import Empty, Matcher, Moment, OneOf, Range, Single, Universal, Wildcard
from studies.matching.moments import date_value, last_moment, shortest_time
from studies.matching.names import FuzzyName, Name
from studies.matching.wildcards import has_wildcard, normal

EMPTY = '""'
MAXIMUM_VALUES = 10_000  # of a list
MAXIMUM_LENGTH = 1_024  # of a pattern or a value, in characters; LT, ST and UT are not indexed
_WILDCARD_VRS = frozenset({"AE", "CS", "LO", "LT", "SH", "ST", "UC", "UR", "UT"})
LONGEST_NUMBER = 12  # IS (PS3.5 Table 6.2-1)
_NUMBER = re.compile(r"[+-]?[0-9]{1,11}")


def parse(vr: str, value: str, *, fuzzy: bool = False, is_list: bool = False) -> Matcher:
    """What a key asks.

    Args:
        vr: of the attribute.
        value: as sent, decoded; values of a list are separated by backslashes.
        fuzzy: fuzzy semantic matching of names was negotiated.
        is_list: the attribute itself has many values, so that a list asks for one of them, as of a UID.

    Raises:
        InvalidQuery: the value means nothing for this VR, or is longer than is taken.
    """
    value = value.replace("\0", "").strip()
    if not value.strip("*"):
        return Universal()  # a lone * is universal (PS3.4 C.2.2.2.4 note 1), which many send for dates and UIDs too
    if value == EMPTY:
        return Empty()
    if vr == "UI" or is_list:
        return _one_of(value, vr)
    if "\\" in value:
        raise InvalidQuery("several values are matched for UIDs only")
    if len(value) > MAXIMUM_LENGTH:
        raise InvalidQuery(f"a value has at most {MAXIMUM_LENGTH} characters here")
    match vr:
        case "PN":
            found = _name(value, fuzzy=fuzzy)
        case "DA":
            found = _range(value, date_value, date_value) or Single(date_value(value))
        case "TM":
            found = _range(value, shortest_time, last_moment) or Moment(shortest_time(value))
        case "IS" | "US":
            found = _number(value)
        case _:
            found = Wildcard(normal(value)) if vr in _WILDCARD_VRS and has_wildcard(value) else Single(value)
    return found


def _one_of(value: str, vr: str) -> Matcher:
    values = tuple(dict.fromkeys(part for part in map(str.strip, value.split("\\")) if part))
    if len(values) > MAXIMUM_VALUES:
        raise InvalidQuery(f"a list has at most {MAXIMUM_VALUES} values here")
    if any(len(one) > MAXIMUM_LENGTH for one in values):
        raise InvalidQuery(f"a value has at most {MAXIMUM_LENGTH} characters here")
    if not values:
        return Universal()
    if vr in _WILDCARD_VRS and len(values) == 1 and has_wildcard(values[0]):
        return Wildcard(normal(values[0]))
    return Single(values[0]) if len(values) == 1 else OneOf(values)


def _name(value: str, *, fuzzy: bool) -> Matcher:
    found = FuzzyName(value) if fuzzy else Name(normal(value))
    return found if found.wanted else Universal()  # nothing but delimiters


def _range(value: str, first: Callable[[str], str], last: Callable[[str], str]) -> Range | None:
    begin, hyphen, end = value.partition("-")
    if not hyphen:
        return None
    begin, end = begin.strip(), end.strip()
    if not begin and not end:
        raise InvalidQuery("a range needs a bound")
    return Range(first(begin) if begin else None, last(end) if end else None)


def _number(value: str) -> Matcher:
    """By meaning: +7 and 007 are 7 (PS3.4 C.2.2.2.1 leaves it to the implementation)."""
    if not _NUMBER.fullmatch(value):
        raise InvalidQuery("the attribute is a whole number of at most 11 digits")
    number = int(value)
    digits, sign = str(abs(number)), "-" if number < 0 else ""
    padded = [digits.rjust(length, "0") for length in range(len(digits), LONGEST_NUMBER + 1)]
    signs = ("", "+") if number >= 0 else (sign,)
    written = (f"{before}{text}" for before in signs for text in padded)
    return OneOf(tuple(text for text in written if len(text) <= LONGEST_NUMBER))
