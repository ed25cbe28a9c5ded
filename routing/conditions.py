"""Conditions of rules: parsed from JSON, judged on the attributes of one instance, with the reason. Pure.

A condition is ``{"attribute": "Modality", "operator": "equals", "value": "CT"}`` or a group: ``{"any": [...]}`` holds
when one of its conditions holds, ``{"none": [...]}`` when none does. Text is compared without regard to case and to
spaces around it; an attribute with several values satisfies a condition when one of its values does.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.datadict import keyword_for_tag, tag_for_keyword

# What the association and the file tell, beside the attributes of the data set.
ASSOCIATION_ATTRIBUTES = ("CallingAETitle", "CalledAETitle", "SourceAddress", "TransferSyntaxUID")
OPERATORS = {
    "equals": "is",
    "contains": "contains",
    "matches": "matches (with * and ?)",
    "in": "is one of",
    "greater": "is greater than",
    "less": "is less than",
    "present": "has a value",
}
MAXIMUM_DEPTH = 5
MAXIMUM_VALUE_LENGTH = 1024
_TAG = re.compile(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?")

Facts = Mapping[str, Sequence[str]]


class BadCondition(ValueError):
    """The JSON is no condition; the message says where and why."""


@dataclass(frozen=True)
class Verdict:
    """Whether a condition holds, and why in words; a group carries the verdicts of its members."""

    holds: bool
    words: str
    members: tuple["Verdict", ...] = ()


@dataclass(frozen=True)
class Comparison:
    """One attribute compared with one value, or with a list of them."""

    attribute: str
    operator: str
    value: str | tuple[str, ...]

    def judge(self, facts: Facts) -> Verdict:
        """Compare; what identifies a patient may stand in the words, so they never go to a log."""
        found = [value for value in facts.get(self.attribute, ()) if value.strip()]
        holds = any(self._compare(value.strip()) for value in found)
        was = " \\ ".join(found) if found else "no value"
        return Verdict(holds, f"{self} — the instance has {was}")

    def attributes(self) -> set[str]:
        """Keywords whose values are needed."""
        return {self.attribute}

    def __str__(self) -> str:
        if self.operator == "present":
            return f"{self.attribute} {OPERATORS['present']}"
        value = ", ".join(self.value) if isinstance(self.value, tuple) else self.value
        return f"{self.attribute} {OPERATORS[self.operator]} {value}"

    def _compare(self, found: str) -> bool:
        if self.operator == "present":
            return True
        if isinstance(self.value, tuple):
            return found.casefold() in {value.casefold() for value in self.value}
        if self.operator in {"greater", "less"}:
            return _is_ordered(self.value, found) if self.operator == "greater" else _is_ordered(found, self.value)
        wanted, found = self.value.casefold(), found.casefold()
        if self.operator == "contains":
            return wanted in found
        if self.operator == "matches":
            return _matches(wanted, found)
        return found == wanted


@dataclass(frozen=True)
class Group:
    """Several conditions of which any, or none, must hold."""

    kind: str
    members: tuple["Condition", ...]

    def judge(self, facts: Facts) -> Verdict:
        """Judge each member, so that the reasons are complete."""
        verdicts = tuple(member.judge(facts) for member in self.members)
        holds = any(verdict.holds for verdict in verdicts)
        if self.kind == "none":
            return Verdict(not holds, "none of these may hold", verdicts)
        return Verdict(holds, "one of these must hold", verdicts)

    def attributes(self) -> set[str]:
        """Keywords whose values are needed."""
        return set[str]().union(*(member.attributes() for member in self.members))

    def __str__(self) -> str:
        return f"{self.kind} of ({'; '.join(map(str, self.members))})"


Condition = Comparison | Group


def parse_conditions(value: Any, *, depth: int = 0) -> tuple[Condition, ...]:
    """Check the JSON of a rule's conditions.

    Raises:
        BadCondition: it is not a list of conditions; nothing of it may be used.
    """
    if not isinstance(value, list):
        raise BadCondition(
            'Conditions are a list, such as [{"attribute": "Modality", "operator": "equals", "value": "CT"}].'
        )
    if depth > MAXIMUM_DEPTH:
        raise BadCondition(f"Groups of conditions may stand in each other {MAXIMUM_DEPTH} deep.")
    return tuple(_parse(item, f"Condition {number}", depth) for number, item in enumerate(value, 1))


def needed_attributes(conditions: Sequence[Condition]) -> set[str]:
    """Keywords that a judgement of these conditions reads."""
    return set[str]().union(*(condition.attributes() for condition in conditions))


def judge(conditions: Sequence[Condition], facts: Facts) -> Verdict:
    """All conditions must hold; an empty list always does."""
    verdicts = tuple(condition.judge(facts) for condition in conditions)
    words = "all of these must hold" if conditions else "no condition: every instance matches"
    return Verdict(all(verdict.holds for verdict in verdicts), words, verdicts)


def _parse(item: Any, where: str, depth: int) -> Condition:
    if not isinstance(item, dict):
        raise BadCondition(f"{where} must be an object with attribute, operator and value.")
    for kind in ("any", "none"):
        if kind in item:
            if set(item) != {kind}:
                raise BadCondition(f"{where}: a group has the one field {kind!r}.")
            if not item[kind]:
                raise BadCondition(f"{where}: a group needs at least one condition.")
            return Group(kind, parse_conditions(item[kind], depth=depth + 1))
    unknown = set(item) - {"attribute", "operator", "value"}
    if unknown:
        raise BadCondition(f"{where} has an unknown field {min(unknown)!r}.")
    operator = item.get("operator")
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise BadCondition(f"{where}: the operator must be one of {', '.join(OPERATORS)}.")
    return Comparison(_attribute(item.get("attribute"), where), operator, _value(item.get("value"), operator, where))


def _attribute(name: Any, where: str) -> str:
    if isinstance(name, str):
        if name in ASSOCIATION_ATTRIBUTES or tag_for_keyword(name) is not None:
            return name
        tag = _TAG.fullmatch(name.strip())
        if tag:
            number = int(tag[1] + tag[2], 16)
            return keyword_for_tag(number) or f"{number:08X}"
    raise BadCondition(
        f"{where}: {name!r} is no attribute; give a keyword such as Modality, a tag such as (0008,0060), "
        f"or one of {', '.join(ASSOCIATION_ATTRIBUTES)}."
    )


def _value(value: Any, operator: str, where: str) -> str | tuple[str, ...]:
    if operator == "present":
        if value not in (None, "", True):
            raise BadCondition(f"{where}: 'present' takes no value.")
        return ""
    if operator == "in":
        items = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if not isinstance(items, list) or not items:
            raise BadCondition(f"{where}: 'in' takes a list of values.")
        return tuple(_text(item, where) for item in items)
    return _text(value, where)


def _text(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip():
        raise BadCondition(f"{where} needs a value: a text or a number.")
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in str(value)):
        raise BadCondition(f"{where}: the value has a character that is no text.")
    if len(str(value)) > MAXIMUM_VALUE_LENGTH:
        raise BadCondition(f"{where}: a value has at most {MAXIMUM_VALUE_LENGTH} characters.")
    return str(value).strip()


def _is_ordered(low: str, high: str) -> bool:
    try:
        return float(low) < float(high)
    except ValueError:
        return low.casefold() < high.casefold()


def _matches(pattern: str, text: str) -> bool:
    """Whether the text is the pattern, in which ``*`` is any characters and ``?`` is one.

    Each part between two stars is looked for once, as early as possible: one expression for the whole pattern would
    try all ways to divide the text among its stars.
    """
    first, *parts = (_part(part) for part in pattern.split("*"))
    if not parts:
        return first.fullmatch(text) is not None
    found = first.match(text)
    for part in parts[:-1]:
        found = part.search(text, found.end()) if found else None
    last = len(text) - len(pattern.rpartition("*")[2])
    return found is not None and last >= found.end() and parts[-1].match(text, last) is not None


def _part(part: str) -> re.Pattern[str]:
    return re.compile("".join("." if char == "?" else re.escape(char) for char in part), re.DOTALL)
