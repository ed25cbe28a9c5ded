"""Values as people read them, in the language of the page: names, dates, times, sizes and UIDs of the standard."""

from datetime import UTC, date, datetime
from functools import cache

from django.utils.formats import get_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from pydicom.uid import UID

_STEPS = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (30 * 86_400, 86_400, "d"))
_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def number(value: float, digits: int = 0) -> str:
    """``1,250.5``: with its thousands apart, and so many digits behind the point."""
    text = f"{value:,.{digits}f}"
    signs = _signs(get_language())
    return text.translate(signs) if signs else text


@cache  # a page of charts has hundreds of numbers
def _signs(language: str | None) -> dict[int, str]:
    """What stands for the comma and the point of English; nothing where they are the same."""
    thousands, decimal = get_format("THOUSAND_SEPARATOR", language), get_format("DECIMAL_SEPARATOR", language)
    return {} if (thousands, decimal) == (",", ".") else {ord(","): thousands, ord("."): decimal}


def person_name(value: str) -> str:
    """``Family, Given Middle`` of a PN (PS3.5 6.2.1), from its first component group that is not empty."""
    group = next((group for group in value.split("=") if group.strip("^ ")), "")
    family, _, others = group.partition("^")
    given = " ".join(part.strip() for part in others.split("^")[:2] if part.strip())
    return ", ".join(part for part in (family.strip(), given) if part)


def iso_date(value: str) -> str:
    """``2026-11-20`` of a DA; what is no date stays as it was sent."""
    try:
        return date(int(value[:4]), int(value[4:6]), int(value[6:8])).isoformat() if len(value) == 8 else value
    except ValueError:
        return value


def clock_time(value: str) -> str:
    """``10:11`` of a TM; what is no time stays as it was sent."""
    return f"{value[:2]}:{value[2:4]}" if len(value) >= 4 and value[:4].isdigit() else value


def uid_name(value: str) -> str:
    """The name of a well-known UID (PS3.6 Annex A), or the UID itself."""
    return UID(value).name


def size(value: int | None) -> str:
    """``526 kB``: decimal units, three significant digits."""
    amount = float(value or 0)
    unit = 0
    while amount >= 999.5 and unit < len(_SIZES) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{number(amount, 1 if unit and amount < 9.95 else 0)} {_SIZES[unit]}"


def relative(at: datetime, now: datetime) -> str:
    """``3 min ago`` or ``in 12 s``; what is more than a month away is a date."""
    seconds = round((now - at).total_seconds())
    distance = abs(seconds)
    if distance < 2:
        return _("now")
    for limit, unit_seconds, unit in _STEPS:
        if distance < limit:
            amount = distance // unit_seconds
            return (_("{time} ago") if seconds > 0 else _("in {time}")).format(time=f"{amount} {unit}")
    return at.astimezone(UTC).date().isoformat()


def duration(seconds: float) -> str:
    """``5 min``: how long something has lasted, in its largest unit."""
    for limit, unit_seconds, unit in _STEPS:
        if seconds < limit:
            return f"{int(seconds // unit_seconds)} {unit}"
    return f"{int(seconds // 86_400)} d"


def seconds(value: float | None) -> str:
    """``320 ms``, ``4.2 s``, ``5 min``: how long something took; a dash for what is not known."""
    if value is None:
        return "\N{EN DASH}"
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    return f"{number(value, 1)} s" if value < 9.95 else duration(round(value))


def amount(value: float) -> str:
    """``0.4``, ``12.5``, ``1,250``: a rate with as many digits as say something."""
    if value >= 0.95 or not value:
        return number(value, 0 if value >= 99.95 or not value else 1)
    return f"{value:.2g}".replace(".", get_format("DECIMAL_SEPARATOR"))
