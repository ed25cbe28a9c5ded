"""Conditions of policies: parsed strictly from JSON. Pure.

They are an object whose keys all must hold, such as ``{"older_than_days": 365, "modalities": ["CT", "MR"]}``; an empty
one holds for every study of the policy's tier.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

MAXIMUM_DAYS = 36_500
MAXIMUM_MB = 1_000_000_000
MAXIMUM_ITEMS = 100
MAXIMUM_TEXT_LENGTH = 64
RESUME_BELOW = 5  # percent of the disk, where the policy does not say down to where it clears


class BadConditions(ValueError):
    """The JSON is not what a policy may ask; the message names the key and says why."""


@dataclass(frozen=True)
class Conditions:
    """What a study has to be like; None and an empty tuple ask nothing.

    Attributes:
        older_than_days: since its latest instance came in.
        study_older_than_days: since its Study Date; a study without a valid one is never old.
        not_used_for_days: since it was read last, or came in when it never was.
        above_percent: of the hot store's disk in use, from which on studies are moved.
        until_percent: of the same disk, below which enough is moved.
        modalities: one of its series has one of these.
        sources: calling AE titles of the study's sender, case and all.
        description_contains: a part of its Study Description, in whatever case.
        larger_than_mb: of 10^6 bytes, all its instances together.
        smaller_than_mb: the same.
        labels: it has one of these, in whatever case.
        not_labels: it has none of these.
    """

    older_than_days: int | None = None
    study_older_than_days: int | None = None
    not_used_for_days: int | None = None
    above_percent: int | None = None
    until_percent: int | None = None
    modalities: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    description_contains: str = ""
    larger_than_mb: int | None = None
    smaller_than_mb: int | None = None
    labels: tuple[str, ...] = ()
    not_labels: tuple[str, ...] = ()


def parse_conditions(value: Any) -> Conditions:
    """Check the JSON of a policy's conditions.

    Raises:
        BadConditions: nothing of it may be used.
    """
    if not isinstance(value, Mapping):
        raise BadConditions(_('Conditions are an object, such as {"older_than_days": 365, "modalities": ["CT"]}.'))
    unknown = [key for key in value if key not in _READERS]
    if unknown:
        raise BadConditions(
            _("There is no condition %(unknown)s; there are %(known)s.")
            % {"unknown": f"{str(unknown[0])[:40]!r}", "known": ", ".join(_READERS)}
        )
    conditions = Conditions(**{key: _READERS[key](key, item) for key, item in value.items()})
    if conditions.until_percent is not None and conditions.above_percent is None:
        raise BadConditions(_("until_percent needs above_percent beside it."))
    if conditions.above_percent is not None and percent_after(conditions) >= conditions.above_percent:
        raise BadConditions(_("until_percent must be less than above_percent."))
    smallest, largest = conditions.larger_than_mb, conditions.smaller_than_mb
    if smallest is not None and largest is not None and smallest >= largest:
        raise BadConditions(_("smaller_than_mb must be more than larger_than_mb: no study is both."))
    return conditions


def percent_after(conditions: Conditions) -> int:
    """The share of the hot store's disk below which enough is moved, stated or not."""
    if conditions.until_percent is not None:
        return conditions.until_percent
    return max(0, (conditions.above_percent or 0) - RESUME_BELOW)


def _whole_number(least: int, most: int) -> Callable[[str, Any], int]:
    def read(key: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise BadConditions(
                _("%(key)s must be a whole number from %(least)s to %(most)s.")
                % {"key": key, "least": least, "most": most}
            )
        return value

    return read


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise BadConditions(_("%(key)s must be text that is not empty.") % {"key": key})
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in value):
        raise BadConditions(_("%(key)s has a character that is no text.") % {"key": key})
    if len(value.strip()) > MAXIMUM_TEXT_LENGTH:
        raise BadConditions(
            _("%(key)s: a text has at most %(maximum)s characters.") % {"key": key, "maximum": MAXIMUM_TEXT_LENGTH}
        )
    return value.strip()


def _texts(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MAXIMUM_ITEMS:
        raise BadConditions(
            _("%(key)s must be a list of 1 to %(maximum)s texts.") % {"key": key, "maximum": MAXIMUM_ITEMS}
        )
    return tuple(_text(key, item) for item in value)


def _modalities(key: str, value: Any) -> tuple[str, ...]:
    found = _texts(key, value)
    if any("\\" in item for item in found):
        raise BadConditions(
            _("%(key)s: give each modality as an item of the list; none has a backslash.") % {"key": key}
        )
    return found


_days, _megabytes = _whole_number(0, MAXIMUM_DAYS), _whole_number(0, MAXIMUM_MB)
_READERS: dict[str, Callable[[str, Any], Any]] = {
    "older_than_days": _days,
    "study_older_than_days": _days,
    "not_used_for_days": _days,
    "above_percent": _whole_number(1, 100),
    "until_percent": _whole_number(0, 99),
    "modalities": _modalities,
    "sources": _texts,
    "description_contains": _text,
    "larger_than_mb": _megabytes,
    "smaller_than_mb": _megabytes,
    "labels": _texts,
    "not_labels": _texts,
}
