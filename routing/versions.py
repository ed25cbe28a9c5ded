"""Versions of a rule: what differs between two of them, in words, and the way back to an earlier one."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError

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
    "name": ("Name", str),
    "order": ("Order", str),
    "scope": ("Decides on", lambda value: RuleScope(value).label),
    "mode": ("Mode", lambda value: RuleMode(value).label),
    "priority": ("Priority", lambda value: Priority(value).label),
}


def differences(old: Definition, new: Definition) -> list[str]:
    """What changed from one definition to the other, one sentence each; empty when nothing did."""
    found = []
    for field, (label, words) in _PLAIN.items():
        before, after = (each.get(field, _BEFORE.get(field)) for each in (old, new))
        if before != after:
            found.append(f"{label}: {words(before)} → {words(after)}")
    for label, kind in (("Condition", conditions_in_words), ("Action", actions_in_words)):
        found += _lists(label, kind(old), kind(new))
    for label, field in (("Destination", "destinations"), ("AI pool", "ai_pools")):
        found += _lists(label, _names(old, field), _names(new, field))
    return found


def conditions_in_words(definition: Definition) -> list[str]:
    """The conditions of a definition, one by one; what is no condition any more is said to be so."""
    try:
        return [str(condition) for condition in parse_conditions(definition.get("conditions", []))]
    except BadCondition as error:
        return [f"cannot be read: {error}"]


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
        raise CannotRollBack(f"{rule.name} has no version {number}.")
    if number == rule.version:
        raise CannotRollBack(f"Version {number} is in force already.")
    definition = version.definition
    destinations = _still_there(Destination, definition.get("destinations", []), number)
    ai_pools = _still_there(AIPool, definition.get("ai_pools", []), number)
    put_definition(rule, definition)
    try:
        rule.full_clean()
    except ValidationError as error:
        raise CannotRollBack(f"Version {number} cannot be had again: {' '.join(error.messages)}") from error
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
        raise CannotRollBack(f"Version {number} names {', '.join(gone)}, which is deleted. Edit the rule instead.")
    return list(found.values())


def _names(definition: Definition, field: str) -> list[str]:
    return [str(each["name"]) for each in definition.get(field, [])]


def _lists(label: str, old: list[str], new: list[str]) -> list[str]:
    removed = [f"{label} removed: {each}" for each in old if each not in new]
    return removed + [f"{label} added: {each}" for each in new if each not in old]
