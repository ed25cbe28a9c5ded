"""Dates moved by a number of days, as the option Modified Dates wants it (PS3.15 E.3.6)."""

import re
from datetime import date, timedelta

_DATE = re.compile(r"(\d{4})[.]?(\d\d)[.]?(\d\d)")


def moved(vr: str, text: str, days: int) -> str | None:
    """Each value moved to the past by so many days; times stay.

    Args:
        vr: DA, DT or TM.
        text: values separated by backslashes.
        days: by how many.

    Returns:
        None when a value is no whole date, which then cannot be moved.
    """
    if vr == "TM":
        return text if re.fullmatch(r"[0-9.:\\ ]*", text) else None
    values = [_moved(value.strip(), days, may_go_on=vr == "DT") for value in text.split("\\")]
    return None if None in values else "\\".join(value or "" for value in values)


def _moved(value: str, days: int, *, may_go_on: bool) -> str | None:
    if not value:
        return ""
    found = _DATE.match(value)
    if found is None:
        return None
    rest = value[found.end() :]
    if rest and not (may_go_on and re.fullmatch(r"[0-9.+-]*", rest)):
        return None
    try:
        day = date(*map(int, found.groups())) - timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return f"{day:%Y%m%d}".zfill(8) + rest
