"""A rule's further actions in words, for pages and for what changed between versions; takes any JSON."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

# What decides what becomes of an instance, rather than how it is sent: enough for a rule of its own.
DECIDING = frozenset({"discard", "label", "set_tier", "fetch_priors"})
_WORDS = {
    "set": gettext_noop("set {attribute} to {value}"),
    "copy": gettext_noop("copy {from} to {attribute}"),
    "prefix": gettext_noop("put {value} before {attribute}"),
    "remove": gettext_noop("remove {attribute}"),
    "map": gettext_noop("map {attribute} by {table}"),
    "new_uids": gettext_noop("give new UIDs"),
    "deidentify": gettext_noop("de-identify, profile {profile}, options {options}, project {project}"),
    "compress": gettext_noop("send as {transfer_syntax}"),
    "label": gettext_noop("label {label}"),
    "set_tier": gettext_noop("store on the tier {tier}"),
    "fetch_priors": gettext_noop("bring back earlier studies, at most {count}"),
    "discard": gettext_noop("discard: {reason}"),
}


def action_in_words(action: Any) -> str:
    """One action; what is unknown is shown as it is."""
    kind = kind_of(action)
    if kind not in _WORDS:
        return str(action)
    return _(_WORDS[kind]).format_map(_Values({name: _value(value) for name, value in action.items()}))


def kind_of(action: Any) -> str:
    """The kind of an action; empty when it says none."""
    kind = action.get("action", "") if isinstance(action, Mapping) else ""
    return kind if isinstance(kind, str) else ""


def decides(actions: Any) -> bool:
    """Whether a rule with these actions does something even when it sends nothing anywhere."""
    return isinstance(actions, list) and any(kind_of(action) in DECIDING for action in actions)


class _Values(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return _("none") if key == "options" else "-"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{old} → {new}" for old, new in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or _("none")
    return str(value)
