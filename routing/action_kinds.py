"""The kinds of actions: how each is written as JSON, what its fields may hold, and how the editor calls them. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from routing.action_types import (
    KEEP,
    REMOVE,
    Action,
    BadAction,
    Compress,
    Copy,
    Deidentify,
    Discard,
    FetchPriors,
    Label,
    Map,
    NewUids,
    Prefix,
    Remove,
    Set,
    SetTier,
)
from routing.changeable import Attribute, readable, removable, settable
from routing.deidentify.options import OPTIONS, PROFILES
from routing.values import BadValue, check
from studies.models import Tier

MAXIMUM_TABLE = 10_000
MAXIMUM_WORDS = 200
USUAL_PRIORS, MAXIMUM_PRIORS = 3, 50
TRANSFER_SYNTAXES = ("JPEGLSLossless", "JPEG2000Lossless", "RLELossless", "ExplicitVRLittleEndian")


@dataclass(frozen=True)
class Kind:
    """One kind of action, for the editor.

    Attributes:
        fields: name and label of each; those of ``optional`` may be left out.
        choices: by the name of a field, what may be chosen, with words.
    """

    label: str
    fields: dict[str, str]
    parse: Callable[[dict[str, Any]], Action]
    optional: frozenset[str] = frozenset()
    choices: dict[str, dict[str, str]] = field(default_factory=dict)


def _words(item: dict[str, Any], name: str, maximum: int = MAXIMUM_WORDS) -> str:
    text = item.get(name, "")
    if not isinstance(text, str) or len(text) > maximum or "\0" in text:
        raise BadAction(
            _("%(name)s must be a text of at most %(maximum)s characters.") % {"name": name, "maximum": maximum}
        )
    return text.strip()


def _required(item: dict[str, Any], name: str) -> str:
    if not (text := _words(item, name)):
        raise BadAction(_("%(name)s must not be empty.") % {"name": name})
    return text


def _value(attribute: Attribute, value: Any, field_name: str = "value") -> str:
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise BadAction(_("%(field_name)s must be a text or a number.") % {"field_name": field_name})
    try:
        check(attribute.vr, text)
    except BadValue as error:
        raise BadAction(
            _("the %(field_name)s does not fit %(attribute)s: %(error)s.")
            % {"field_name": field_name, "attribute": attribute, "error": error}
        ) from error
    if attribute.has_one_value and "\\" in text:
        raise BadAction(
            _("%(attribute)s has one value only; a backslash would make two of it.") % {"attribute": attribute}
        )
    return text


def _set(item: dict[str, Any]) -> Action:
    attribute = settable(item["attribute"])
    return Set(attribute, _value(attribute, item["value"]))


def _copy(item: dict[str, Any]) -> Action:
    return Copy(settable(item["attribute"]), readable(item["from"]))


def _prefix(item: dict[str, Any]) -> Action:
    attribute = settable(item["attribute"])
    if attribute.vr not in {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"}:
        raise BadAction(_("%(attribute)s holds no text that a prefix could stand before.") % {"attribute": attribute})
    prefix = _value(attribute, _required(item, "value"))
    if "\\" in prefix:
        raise BadAction(_("a prefix must not hold a backslash, which separates values."))
    return Prefix(attribute, prefix)


def _map(item: dict[str, Any]) -> Action:
    attribute, table, default = settable(item["attribute"]), item["table"], item.get("default", KEEP)
    if not isinstance(table, dict) or not 0 < len(table) <= MAXIMUM_TABLE:
        raise BadAction(
            _('table must be an object of old and new values, such as {"A": "B"}, at most %(maximum)s.')
            % {"maximum": MAXIMUM_TABLE}
        )
    checked = {str(old).strip(): _value(attribute, new, "table") for old, new in table.items()}
    if isinstance(default, dict) and set(default) == {"value"}:
        return Map(attribute, checked, (_value(attribute, default["value"], "default"),))
    if default not in (KEEP, REMOVE):
        raise BadAction(_('default must be "keep", "remove" or an object such as {"value": "OTHER"}.'))
    return Map(attribute, checked, default)


def _deidentify(item: dict[str, Any]) -> Action:
    profile, options = item.get("profile", "basic"), item.get("options", [])
    if not isinstance(profile, str) or profile not in PROFILES:
        raise BadAction(_("the profile must be one of %(known)s.") % {"known": ", ".join(PROFILES)})
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise BadAction(_("options must be a list of names."))
    if "clean_pixel_data" in options:
        raise BadAction(_("Gantry does not look for text in pixels, so it cannot claim clean_pixel_data."))
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise BadAction(
            _("there is no option %(unknown)s; there are %(known)s.")
            % {"unknown": unknown[0], "known": ", ".join(OPTIONS)}
        )
    if {"retain_full_dates", "retain_modified_dates"} <= set(options):
        raise BadAction(_("retain_full_dates and retain_modified_dates exclude each other: choose one."))
    return Deidentify(profile, frozenset(options), _words(item, "project", 64))


def _compress(item: dict[str, Any]) -> Action:
    if item["transfer_syntax"] not in TRANSFER_SYNTAXES:
        raise BadAction(
            _("transfer_syntax must be one of %(known)s: they lose nothing.") % {"known": ", ".join(TRANSFER_SYNTAXES)}
        )
    return Compress(item["transfer_syntax"])


def _set_tier(item: dict[str, Any]) -> Action:
    if item["tier"] not in Tier.values:
        raise BadAction(_("tier must be one of %(values)s.") % {"values": ", ".join(Tier.values)})
    return SetTier(item["tier"])


def _fetch_priors(item: dict[str, Any]) -> Action:
    count = item.get("count", USUAL_PRIORS)
    # The editor sends what was typed.
    if isinstance(count, str) and count.strip().isdecimal():
        count = int(count)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAXIMUM_PRIORS:
        raise BadAction(_("count must be a whole number from 1 to %(maximum)s.") % {"maximum": MAXIMUM_PRIORS})
    return FetchPriors(count)


_ATTRIBUTE = {"attribute": gettext_noop("Attribute")}
_PROJECT = {"project": gettext_noop("Project: what is replaced under one name stays consistent")}
_SYNTAXES = {
    "JPEGLSLossless": gettext_noop("JPEG-LS, lossless"),
    "JPEG2000Lossless": gettext_noop("JPEG 2000, lossless"),
    "RLELossless": gettext_noop("RLE, lossless"),
    "ExplicitVRLittleEndian": gettext_noop("Uncompressed"),
}
KINDS: dict[str, Kind] = {
    "set": Kind(gettext_noop("Set an attribute"), _ATTRIBUTE | {"value": gettext_noop("Value")}, _set),
    "copy": Kind(gettext_noop("Copy an attribute"), _ATTRIBUTE | {"from": gettext_noop("From attribute")}, _copy),
    "prefix": Kind(
        gettext_noop("Put a prefix before an attribute"), _ATTRIBUTE | {"value": gettext_noop("Prefix")}, _prefix
    ),
    "remove": Kind(gettext_noop("Remove an attribute"), _ATTRIBUTE, lambda item: Remove(removable(item["attribute"]))),
    "map": Kind(
        gettext_noop("Replace values by a table"),
        _ATTRIBUTE
        | {"table": gettext_noop("Old and new values"), "default": gettext_noop("What the table does not list")},
        _map,
        optional=frozenset({"default"}),
        choices={"default": {KEEP: gettext_noop("Keep it"), REMOVE: gettext_noop("Remove it")}},
    ),
    "new_uids": Kind(
        gettext_noop("Give new UIDs"),
        _PROJECT,
        lambda item: NewUids(_words(item, "project", 64)),
        optional=frozenset({"project"}),
    ),
    "deidentify": Kind(
        gettext_noop("De-identify"),
        {"profile": gettext_noop("Profile"), "options": gettext_noop("Options")} | _PROJECT,
        _deidentify,
        optional=frozenset({"profile", "options", "project"}),
        choices={"profile": PROFILES, "options": {name: option.words for name, option in OPTIONS.items()}},
    ),
    "compress": Kind(
        gettext_noop("Compress or decompress"),
        {"transfer_syntax": gettext_noop("Form")},
        _compress,
        choices={"transfer_syntax": _SYNTAXES},
    ),
    "label": Kind(
        gettext_noop("Label the study"), {"label": gettext_noop("Label")}, lambda item: Label(_required(item, "label"))
    ),
    "set_tier": Kind(
        gettext_noop("Store it on a tier"),
        {"tier": gettext_noop("Tier")},
        _set_tier,
        choices={"tier": {tier.value: tier.name.capitalize() for tier in Tier}},
    ),
    "fetch_priors": Kind(
        gettext_noop("Bring back earlier studies"),
        {"count": gettext_noop("How many")},
        _fetch_priors,
        optional=frozenset({"count"}),
    ),
    "discard": Kind(
        gettext_noop("Send it nowhere"),
        {"reason": gettext_noop("Reason")},
        lambda item: Discard(_required(item, "reason")),
    ),
}
