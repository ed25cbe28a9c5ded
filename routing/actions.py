"""Actions of rules: parsed from the JSON of ``Rule.actions``, checked, and described for the editor. Pure.

An action is an object such as ``{"action": "set", "attribute": "InstitutionName", "value": "Site A"}``. Those that
change an instance are carried out in their order; compression is always the last.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError

from routing.changeable import Attribute, NotChangeable, readable, removable, settable
from routing.deidentify.options import OPTIONS, PROFILES
from routing.values import BadValue, check
from studies.models import Tier

MAXIMUM_ACTIONS = 100
MAXIMUM_TABLE = 10_000
MAXIMUM_WORDS = 200
USUAL_PRIORS, MAXIMUM_PRIORS = 3, 50
TRANSFER_SYNTAXES = ("JPEGLSLossless", "JPEG2000Lossless", "RLELossless", "ExplicitVRLittleEndian")
KEEP, REMOVE = "keep", "remove"


class BadAction(ValueError):
    """The JSON is no action; the message says where and why."""


@dataclass(frozen=True)
class Set:
    """Give an attribute a value, whether it was there or not."""

    attribute: Attribute
    value: str


@dataclass(frozen=True)
class Copy:
    """Give an attribute the value of another; one without value changes nothing."""

    attribute: Attribute
    source: Attribute


@dataclass(frozen=True)
class Prefix:
    """Put a text before each value that an attribute has."""

    attribute: Attribute
    value: str


@dataclass(frozen=True)
class Remove:
    """Remove an attribute."""

    attribute: Attribute


@dataclass(frozen=True)
class Map:
    """Replace each value by a table; what it does not list is kept, removed, or replaced by one value.

    Attributes:
        default: KEEP, REMOVE, or a value as ``("value",)``.
    """

    attribute: Attribute
    table: dict[str, str] = field(hash=False)
    default: str | tuple[str] = KEEP


@dataclass(frozen=True)
class NewUids:
    """Replace the UIDs of study, series and instance, and all references to such, by ones that follow from the old."""

    project: str


@dataclass(frozen=True)
class Deidentify:
    """De-identify by a profile of PS3.15 Annex E."""

    profile: str
    options: frozenset[str]
    project: str


@dataclass(frozen=True)
class Compress:
    """Send the pixel data in another transfer syntax, without loss."""

    transfer_syntax: str


@dataclass(frozen=True)
class Label:
    """Give the study a label."""

    label: str


@dataclass(frozen=True)
class SetTier:
    """Have the study stored on a tier, once it is complete."""

    tier: str


@dataclass(frozen=True)
class FetchPriors:
    """Have earlier studies of the same patient brought back to the hot tier.

    Attributes:
        count: how many at most, the latest first.
    """

    count: int


@dataclass(frozen=True)
class Discard:
    """Send the instance nowhere, for this reason."""

    reason: str


Action = Set | Copy | Prefix | Remove | Map | NewUids | Deidentify | Compress | Label | SetTier | FetchPriors | Discard
Change = Set | Copy | Prefix | Remove | Map | NewUids | Deidentify | Compress


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


def parse_actions(value: Any) -> tuple[Action, ...]:
    """Check the JSON of a rule's actions.

    Raises:
        BadAction: it is not a list of actions; nothing of it may be used.
    """
    if not isinstance(value, list):
        raise BadAction('Actions are a list, such as [{"action": "remove", "attribute": "PatientComments"}].')
    if len(value) > MAXIMUM_ACTIONS:
        raise BadAction(f"A rule has at most {MAXIMUM_ACTIONS} actions; make two rules of it.")
    actions = tuple(_parse(item, f"Action {number}") for number, item in enumerate(value, 1))
    for kind in (Deidentify, Compress, Discard, NewUids, SetTier, FetchPriors):
        if sum(isinstance(action, kind) for action in actions) > 1:
            raise BadAction(f"The action {_name(kind)} may stand in a rule once.")
    return actions


def changes_of(actions: tuple[Action, ...]) -> tuple[Change, ...]:
    """Those that change what is sent."""
    return tuple(action for action in actions if not isinstance(action, Label | SetTier | FetchPriors | Discard))


def validate_actions(value: Any) -> None:
    """Django validator for the JSON of a rule's actions."""
    try:
        parse_actions(value)
    except BadAction as error:
        raise ValidationError(str(error)) from error


def _parse(item: Any, where: str) -> Action:
    if not isinstance(item, dict):
        raise BadAction(f"{where} must be an object with the field action.")
    kind = KINDS.get(item.get("action", "")) if isinstance(item.get("action", ""), str) else None
    if kind is None:
        raise BadAction(f"{where} has no known kind: its field action must be one of {', '.join(KINDS)}.")
    name, given = item["action"], set(item) - {"action"}
    if unknown := given - set(kind.fields):
        raise BadAction(f"{where} ({name}) has an unknown field: {', '.join(sorted(map(str, unknown)))}.")
    if missing := set(kind.fields) - kind.optional - given:
        raise BadAction(f"{where} ({name}) lacks the field {', '.join(sorted(missing))}.")
    try:
        return kind.parse(item)
    except (BadAction, NotChangeable) as error:
        raise BadAction(f"{where} ({name}): {error}") from error


def _words(item: dict[str, Any], name: str, maximum: int = MAXIMUM_WORDS) -> str:
    text = item.get(name, "")
    if not isinstance(text, str) or len(text) > maximum or "\0" in text:
        raise BadAction(f"{name} must be a text of at most {maximum} characters.")
    return text.strip()


def _required(item: dict[str, Any], name: str) -> str:
    if not (text := _words(item, name)):
        raise BadAction(f"{name} must not be empty.")
    return text


def _value(attribute: Attribute, value: Any, field_name: str = "value") -> str:
    text = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise BadAction(f"{field_name} must be a text or a number.")
    try:
        check(attribute.vr, text)
    except BadValue as error:
        raise BadAction(f"the {field_name} does not fit {attribute}: {error}.") from error
    if attribute.has_one_value and "\\" in text:
        raise BadAction(f"{attribute} has one value only; a backslash would make two of it.")
    return text


def _set(item: dict[str, Any]) -> Action:
    attribute = settable(item["attribute"])
    return Set(attribute, _value(attribute, item["value"]))


def _copy(item: dict[str, Any]) -> Action:
    return Copy(settable(item["attribute"]), readable(item["from"]))


def _prefix(item: dict[str, Any]) -> Action:
    attribute = settable(item["attribute"])
    if attribute.vr not in {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"}:
        raise BadAction(f"{attribute} holds no text that a prefix could stand before.")
    prefix = _value(attribute, _required(item, "value"))
    if "\\" in prefix:
        raise BadAction("a prefix must not hold a backslash, which separates values.")
    return Prefix(attribute, prefix)


def _map(item: dict[str, Any]) -> Action:
    attribute, table, default = settable(item["attribute"]), item["table"], item.get("default", KEEP)
    if not isinstance(table, dict) or not 0 < len(table) <= MAXIMUM_TABLE:
        raise BadAction(
            f'table must be an object of old and new values, such as {{"A": "B"}}, at most {MAXIMUM_TABLE}.'
        )
    checked = {str(old).strip(): _value(attribute, new, "table") for old, new in table.items()}
    if isinstance(default, dict) and set(default) == {"value"}:
        return Map(attribute, checked, (_value(attribute, default["value"], "default"),))
    if default not in (KEEP, REMOVE):
        raise BadAction('default must be "keep", "remove" or an object such as {"value": "OTHER"}.')
    return Map(attribute, checked, default)


def _deidentify(item: dict[str, Any]) -> Action:
    profile, options = item.get("profile", "basic"), item.get("options", [])
    if not isinstance(profile, str) or profile not in PROFILES:
        raise BadAction(f"the profile must be one of {', '.join(PROFILES)}.")
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise BadAction("options must be a list of names.")
    if "clean_pixel_data" in options:
        raise BadAction("Gantry does not look for text in pixels, so it cannot claim clean_pixel_data.")
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise BadAction(f"there is no option {unknown[0]}; there are {', '.join(OPTIONS)}.")
    if {"retain_full_dates", "retain_modified_dates"} <= set(options):
        raise BadAction("retain_full_dates and retain_modified_dates exclude each other: choose one.")
    return Deidentify(profile, frozenset(options), _words(item, "project", 64))


def _compress(item: dict[str, Any]) -> Action:
    if item["transfer_syntax"] not in TRANSFER_SYNTAXES:
        raise BadAction(f"transfer_syntax must be one of {', '.join(TRANSFER_SYNTAXES)}: they lose nothing.")
    return Compress(item["transfer_syntax"])


def _set_tier(item: dict[str, Any]) -> Action:
    if item["tier"] not in Tier.values:
        raise BadAction(f"tier must be one of {', '.join(Tier.values)}.")
    return SetTier(item["tier"])


def _fetch_priors(item: dict[str, Any]) -> Action:
    count = item.get("count", USUAL_PRIORS)
    # The editor sends what was typed.
    if isinstance(count, str) and count.strip().isdecimal():
        count = int(count)
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAXIMUM_PRIORS:
        raise BadAction(f"count must be a whole number from 1 to {MAXIMUM_PRIORS}.")
    return FetchPriors(count)


_ATTRIBUTE = {"attribute": "Attribute"}
_PROJECT = {"project": "Project: what is replaced under one name stays consistent"}
_SYNTAXES = {
    "JPEGLSLossless": "JPEG-LS, lossless",
    "JPEG2000Lossless": "JPEG 2000, lossless",
    "RLELossless": "RLE, lossless",
    "ExplicitVRLittleEndian": "Uncompressed",
}
KINDS: dict[str, Kind] = {
    "set": Kind("Set an attribute", _ATTRIBUTE | {"value": "Value"}, _set),
    "copy": Kind("Copy an attribute", _ATTRIBUTE | {"from": "From attribute"}, _copy),
    "prefix": Kind("Put a prefix before an attribute", _ATTRIBUTE | {"value": "Prefix"}, _prefix),
    "remove": Kind("Remove an attribute", _ATTRIBUTE, lambda item: Remove(removable(item["attribute"]))),
    "map": Kind(
        "Replace values by a table",
        _ATTRIBUTE | {"table": "Old and new values", "default": "What the table does not list"},
        _map,
        optional=frozenset({"default"}),
        choices={"default": {KEEP: "Keep it", REMOVE: "Remove it"}},
    ),
    "new_uids": Kind(
        "Give new UIDs", _PROJECT, lambda item: NewUids(_words(item, "project", 64)), optional=frozenset({"project"})
    ),
    "deidentify": Kind(
        "De-identify",
        {"profile": "Profile", "options": "Options"} | _PROJECT,
        _deidentify,
        optional=frozenset({"profile", "options", "project"}),
        choices={"profile": PROFILES, "options": {name: option.words for name, option in OPTIONS.items()}},
    ),
    "compress": Kind(
        "Compress or decompress", {"transfer_syntax": "Form"}, _compress, choices={"transfer_syntax": _SYNTAXES}
    ),
    "label": Kind("Label the study", {"label": "Label"}, lambda item: Label(_required(item, "label"))),
    "set_tier": Kind("Store it on a tier", {"tier": "Tier"}, _set_tier, choices={"tier": dict(Tier.choices)}),
    "fetch_priors": Kind(
        "Bring back earlier studies", {"count": "How many"}, _fetch_priors, optional=frozenset({"count"})
    ),
    "discard": Kind("Send it nowhere", {"reason": "Reason"}, lambda item: Discard(_required(item, "reason"))),
}


def _name(kind: type[Action]) -> str:
    return {
        Deidentify: "deidentify",
        Compress: "compress",
        Discard: "discard",
        NewUids: "new_uids",
        SetTier: "set_tier",
        FetchPriors: "fetch_priors",
    }[kind]
