"""Versions of a rule: what differs between two of them, in words, and the way back to an earlier one."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from routing.action_words import action_in_words
from routing.conditions import BadCondition, parse_conditions
from routing.models import AIPool, Destination, Priority, Rule, RuleMode, RuleScope, RuleVersion
from routing.rules import save_rule

Definition = Mapping[str, Any]


class CannotRollBack(Exception):
    """The version cannot be had again; the message says why, and what to do."""


# What a definition without the field meant: versions are never changed, and older ones know fewer fields.
_BEFORE = {"scope": RuleScope.INSTANCE.value, "mode": RuleMode.LIVE.value}
_PLAIN: dict[str, tuple[str, Callable[[Any], str]]] = {
    "name": (gettext_noop("Name"), str),
    "order": (gettext_noop("Order"), str),
    "scope": (gettext_noop("Decides on"), lambda value: str(RuleScope(value).label)),
    "mode": (gettext_noop("Mode"), lambda value: str(RuleMode(value).label)),
    "priority": (gettext_noop("Priority"), lambda value: str(Priority(value).label)),
}

# What a list lost, and what it gained.
_CHANGED = {
    "conditions": (gettext_noop("Condition removed: %(each)s"), gettext_noop("Condition added: %(each)s")),
    "actions": (gettext_noop("Action removed: %(each)s"), gettext_noop("Action added: %(each)s")),
    "destinations": (gettext_noop("Destination removed: %(each)s"), gettext_noop("Destination added: %(each)s")),
    "ai_pools": (gettext_noop("AI pool removed: %(each)s"), gettext_noop("AI pool added: %(each)s")),
}


def differences(old: Definition, new: Definition) -> list[str]:
    """What changed from one definition to the other, one sentence each; empty when nothing did."""
    found = []
    for field, (label, words) in _PLAIN.items():
        before, after = (each.get(field, _BEFORE.get(field)) for each in (old, new))
        if before != after:
            found.append(f"{_(label)}: {words(before)} → {words(after)}")
    for listed, kind in (("conditions", conditions_in_words), ("actions", actions_in_words)):
        found += _lists(listed, kind(old), kind(new))
    for field in ("destinations", "ai_pools"):
        found += _lists(field, _names(old, field), _names(new, field))
    return found


def conditions_in_words(definition: Definition) -> list[str]:
    """The conditions of a definition, one by one; what is no condition any more is said to be so."""
    try:
        return [str(condition) for condition in parse_conditions(definition.get("conditions", []))]
    except BadCondition as error:
        return [_("cannot be read: %(error)s") % {"error": error}]


def actions_in_words(definition: Definition) -> list[str]:
    """The further actions of a definition, one by one."""
    return [action_in_words(action) for action in definition.get("actions", [])]


def roll_back(rule: Rule, number: int, *, author: AbstractBaseUser | None) -> RuleVersion:
    """Give a rule the form that it had; that is a new version, whose reason says so. On and off stay as they are.

    Raises:
        CannotRollBack: there is no such version, it is the one in force, or what it names is not there any more.
    """
    version = rule.versions.filter(number=number).first()
    if version is None:
        raise CannotRollBack(_("%(name)s has no version %(number)s.") % {"name": rule.name, "number": number})
    if number == rule.version:
        raise CannotRollBack(_("Version %(number)s is in force already.") % {"number": number})
    definition = version.definition
    destinations = _still_there(Destination, definition.get("destinations", []), number)
    ai_pools = _still_there(AIPool, definition.get("ai_pools", []), number)
    put_definition(rule, definition)
    try:
        rule.full_clean()
    except ValidationError as error:
        raise CannotRollBack(
            _("Version %(number)s cannot be had again: %(messages)s")
            % {"number": number, "messages": " ".join(error.messages)}
        ) from error
    return save_rule(
        rule, destinations=destinations, ai_pools=ai_pools, author=author, reason=f"Back to version {number}"
    )


def put_definition(rule: Rule, definition: Definition) -> None:
    """Set the plain fields of a rule from a definition; nothing is saved."""
    for field in ("name", "order", "conditions", "priority"):
        setattr(rule, field, definition[field])
    for field, before in _BEFORE.items():
        setattr(rule, field, definition.get(field, before))
    rule.actions = definition.get("actions", [])


def _still_there(model: Any, named: list[dict[str, Any]], number: int) -> list[Any]:
    found = {row.pk: row for row in model.objects.filter(pk__in=[each["id"] for each in named])}
    gone = [each["name"] for each in named if each["id"] not in found]
    if gone:
        raise CannotRollBack(
            _("Version %(number)s names %(gone)s, which is deleted. Edit the rule instead.")
            % {"number": number, "gone": ", ".join(gone)}
        )
    return list(found.values())


def _names(definition: Definition, field: str) -> list[str]:
    return [str(each["name"]) for each in definition.get(field, [])]


def _lists(listed: str, old: list[str], new: list[str]) -> list[str]:
    removed, added = _CHANGED[listed]
    gone = [_(removed) % {"each": each} for each in old if each not in new]
    return gone + [_(added) % {"each": each} for each in new if each not in old]
