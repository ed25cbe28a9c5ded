"""Parts of what a trace says, in the language of whoever asks. Pure."""

from datetime import UTC, datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def version(name: str, number: int) -> str:
    """A version of a rule."""
    return _("Rule “%(name)s” version %(number)d") % {"name": name, "number": number}


def sender(title: str) -> str:
    """An AE title, or what is said where there is none."""
    return title or _("a sender without AE title")


def instances(count: int) -> str:
    """So many instances."""
    return ngettext("%(number)d instance", "%(number)d instances", count) % {"number": count}


def span(first: datetime, last: datetime) -> str:
    """From when to when; nothing for what happened at one moment."""
    if last - first < timedelta(seconds=1):
        return ""
    return _("between %(first)s and %(last)s") % {"first": moment(first), "last": moment(last)}


def moment(at: datetime) -> str:
    """To the second, in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
