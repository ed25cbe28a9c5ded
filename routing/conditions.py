"""Conditions of rules: parsed from JSON, judged on the attributes of one instance, with the reason. Pure.

A condition is ``{"attribute": "Modality", "operator": "equals", "value": "CT"}`` or a group: ``{"all": [...]}`` holds
when all of its conditions hold, ``{"any": [...]}`` when one does, ``{"none": [...]}`` when none does. Text is compared
without regard to case and to spaces around it; an attribute with several values satisfies a condition when one of its
values does.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from pydicom.datadict import keyword_for_tag, tag_for_keyword

from routing.comparing import Reader, Test, between, greater, less, matches, reader_of, time_of

# What the association and the file tell, beside the attributes of the data set.
ASSOCIATION_ATTRIBUTES = ("CallingAETitle", "CalledAETitle", "SourceAddress", "TransferSyntaxUID")
# What Gantry knows of the moment when it is judged, in words for people.
RECEIPT_ATTRIBUTES = {
    "ReceivedTime": gettext_noop("Local time when it came in, such as 19:30"),
    "ReceivedWeekday": gettext_noop("Day when it came in, Monday to Sunday"),
    "StudyInstancesReceived": gettext_noop("Instances of its study that are here when it is judged"),
    "SeriesInstancesReceived": gettext_noop("Instances of its series that are here when it is judged"),
    "MatchedRules": gettext_noop("Names of the rules before this one that matched"),
    "FetchedFrom": gettext_noop(
        "Source that Gantry fetched it from; who does not ask for it, is not asked about what was fetched"
    ),
}
OWN_ATTRIBUTES = frozenset(ASSOCIATION_ATTRIBUTES) | frozenset(RECEIPT_ATTRIBUTES)
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
OPERATORS = {
    "equals": gettext_noop("is"),
    "contains": gettext_noop("contains"),
    "matches": gettext_noop("matches (with * and ?)"),
    "in": gettext_noop("is one of"),
    "greater": gettext_noop("is greater than"),
    "less": gettext_noop("is less than"),
    "between": gettext_noop("is between"),
    "present": gettext_noop("has a value"),
}
GROUPS = {
    "all": gettext_noop("all of these must hold"),
    "any": gettext_noop("one of these must hold"),
    "none": gettext_noop("none of these may hold"),
}
_OF_GROUPS = {
    "all": gettext_noop("all of (%(members)s)"),
    "any": gettext_noop("any of (%(members)s)"),
    "none": gettext_noop("none of (%(members)s)"),
}
MAXIMUM_DEPTH = 5
MAXIMUM_VALUE_LENGTH = 1024
_TIMES = ("ReceivedTime",)
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

    def holds(self, folded: Facts) -> bool:
        """Whether one of the values satisfies it; ``fold`` made the facts ready."""
        for value in folded.get(self.attribute, ()):  # noqa: SIM110 (a generator costs as much as what it asks)
            if self._test(value):
                return True
        return False

    def judge(self, facts: Facts) -> Verdict:
        """Compare; what identifies a patient may stand in the words, so they never go to a log."""
        found = [value for value in facts.get(self.attribute, ()) if value.strip()]
        holds = any(self._test(_fold(value)) for value in found)
        was = " \\ ".join(found) if found else _("no value")
        return Verdict(holds, _("%(condition)s — the instance has %(was)s") % {"condition": self, "was": was})

    def attributes(self) -> set[str]:
        """Keywords whose values are needed."""
        return {self.attribute}

    def __str__(self) -> str:
        if self.operator == "present":
            return f"{self.attribute} {operator_in_words(self.operator)}"
        joint = _(" and ") if self.operator == "between" else ", "
        value = joint.join(self.value) if isinstance(self.value, tuple) else self.value
        return f"{self.attribute} {operator_in_words(self.operator)} {value}"

    @cached_property
    def _test(self) -> Test:
        return _test_of(self.attribute, self.operator, self.value)


@dataclass(frozen=True)
class Group:
    """Several conditions of which all, any, or none must hold."""

    kind: str
    members: tuple["Condition", ...]

    def holds(self, folded: Facts) -> bool:
        """Whether it holds, without the reason; ``fold`` made the facts ready."""
        # A loop, for a generator costs as much as what it asks.
        decisive = self.kind != "all"  # all is decided by the first that does not hold, any and none by one that does
        for member in self.members:
            if member.holds(folded) is decisive:
                return self.kind == "any"
        return self.kind != "any"

    def judge(self, facts: Facts) -> Verdict:
        """Judge each member, so that the reasons are complete."""
        verdicts = tuple(member.judge(facts) for member in self.members)
        held = [verdict.holds for verdict in verdicts]
        holds = {"all": all(held), "any": any(held), "none": not any(held)}[self.kind]
        return Verdict(holds, _(GROUPS[self.kind]), verdicts)

    def attributes(self) -> set[str]:
        """Keywords whose values are needed."""
        return set[str]().union(*(member.attributes() for member in self.members))

    def __str__(self) -> str:
        return _(_OF_GROUPS[self.kind]) % {"members": "; ".join(map(str, self.members))}


Condition = Comparison | Group


def operator_in_words(operator: str) -> str:
    """What stands between the attribute and the value, in the language of whoever reads it."""
    return _(OPERATORS[operator])


def parse_conditions(value: Any, *, depth: int = 0) -> tuple[Condition, ...]:
    """Check the JSON of a rule's conditions.

    Raises:
        BadCondition: it is not a list of conditions; nothing of it may be used.
    """
    if not isinstance(value, list):
        raise BadCondition(
            _('Conditions are a list, such as [{"attribute": "Modality", "operator": "equals", "value": "CT"}].')
        )
    if depth > MAXIMUM_DEPTH:
        raise BadCondition(
            _("Groups of conditions may stand in each other %(maximum)s deep.") % {"maximum": MAXIMUM_DEPTH}
        )
    return tuple(
        _parse(item, _("Condition %(number)s") % {"number": number}, depth) for number, item in enumerate(value, 1)
    )


def needed_attributes(conditions: Sequence[Condition]) -> set[str]:
    """Keywords that a judgement of these conditions reads."""
    return set[str]().union(*(condition.attributes() for condition in conditions))


def fold(facts: Facts) -> dict[str, list[str]]:
    """The facts as ``holds`` compares them: done once, however many conditions are asked."""
    return {name: [_fold(value) for value in values if value.strip()] for name, values in facts.items()}


def holds(conditions: Sequence[Condition], folded: Facts) -> bool:
    """What ``judge`` says without its reasons, on facts that ``fold`` made ready."""
    for condition in conditions:  # noqa: SIM110 (a generator costs as much as what it asks)
        if not condition.holds(folded):
            return False
    return True


def judge(conditions: Sequence[Condition], facts: Facts) -> Verdict:
    """All conditions must hold; an empty list always does."""
    verdicts = tuple(condition.judge(facts) for condition in conditions)
    words = _("all of these must hold") if conditions else _("no condition: every instance matches")
    return Verdict(all(verdict.holds for verdict in verdicts), words, verdicts)


def _parse(item: Any, where: str, depth: int) -> Condition:
    if not isinstance(item, dict):
        raise BadCondition(_("%(where)s must be an object with attribute, operator and value.") % {"where": where})
    for kind in GROUPS:
        if kind in item:
            if set(item) != {kind}:
                raise BadCondition(
                    _("%(where)s: a group has the one field %(kind)s.") % {"where": where, "kind": f"{kind!r}"}
                )
            if not item[kind]:
                raise BadCondition(_("%(where)s: a group needs at least one condition.") % {"where": where})
            return Group(kind, parse_conditions(item[kind], depth=depth + 1))
    unknown = set(item) - {"attribute", "operator", "value"}
    if unknown:
        raise BadCondition(
            _("%(where)s has an unknown field %(field)s.") % {"where": where, "field": f"{min(unknown)!r}"}
        )
    operator = item.get("operator")
    if not isinstance(operator, str) or operator not in OPERATORS:
        raise BadCondition(
            _("%(where)s: the operator must be one of %(known)s.") % {"where": where, "known": ", ".join(OPERATORS)}
        )
    attribute = _attribute(item.get("attribute"), where)
    comparison = Comparison(attribute, operator, _value(item.get("value"), operator, where))
    _check(comparison, where)
    return comparison


def _check(comparison: Comparison, where: str) -> None:
    """Refuse what could never hold, or not as its author thinks."""
    operator, values = comparison.operator, comparison.value
    values = values if isinstance(values, tuple) else (values,)
    if comparison.attribute == "ReceivedWeekday" and operator in {"equals", "in", "greater", "less", "between"}:
        days = {day.casefold() for day in WEEKDAYS}
        if operator not in {"equals", "in"} or not {value.casefold() for value in values} <= days:
            raise BadCondition(
                _("%(where)s: ReceivedWeekday 'equals' or is 'in' a list of Monday to Sunday.") % {"where": where}
            )
    if comparison.attribute in _TIMES and operator in {"equals", "in", "contains", "greater", "less", "between"}:
        is_time = all(time_of(value) is not None for value in values)
        if operator not in {"greater", "less", "between"} or not is_time:
            raise BadCondition(
                _(
                    "%(where)s: ReceivedTime is 'between' two times such as 19:00 and 07:00, or "
                    "'greater' or 'less' than one."
                )
                % {"where": where}
            )
    try:
        _test_of(comparison.attribute, operator, comparison.value)
    except ValueError as error:
        raise BadCondition(f"{where}: {error}.") from error


def _attribute(name: Any, where: str) -> str:
    if isinstance(name, str):
        if name in OWN_ATTRIBUTES or tag_for_keyword(name) is not None:
            return name
        tag = _TAG.fullmatch(name.strip())
        if tag:
            number = int(tag[1] + tag[2], 16)
            return keyword_for_tag(number) or f"{number:08X}"
    raise BadCondition(
        _(
            "%(where)s: %(name)s is no attribute; give a keyword such as Modality, a tag such as "
            "(0008,0060), or one of %(value)s."
        )
        % {"where": where, "name": f"{name!r}", "value": ", ".join((*ASSOCIATION_ATTRIBUTES, *RECEIPT_ATTRIBUTES))}
    )


def _value(value: Any, operator: str, where: str) -> str | tuple[str, ...]:
    if operator == "present":
        if value not in (None, "", True):
            raise BadCondition(_("%(where)s: 'present' takes no value.") % {"where": where})
        return ""
    if operator in {"in", "between"}:
        items = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
        if not isinstance(items, list) or not items:
            raise BadCondition(
                _("%(where)s: '%(operator)s' takes a list of values.") % {"where": where, "operator": operator}
            )
        if operator == "between" and len(items) != 2:
            raise BadCondition(_("%(where)s: 'between' takes two values, such as 1, 3.") % {"where": where})
        return tuple(_text(item, where) for item in items)
    return _text(value, where)


def _text(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not str(value).strip():
        raise BadCondition(_("%(where)s needs a value: a text or a number.") % {"where": where})
    if any(char == "\0" or "\ud800" <= char <= "\udfff" for char in str(value)):
        raise BadCondition(_("%(where)s: the value has a character that is no text.") % {"where": where})
    if len(str(value)) > MAXIMUM_VALUE_LENGTH:
        raise BadCondition(
            _("%(where)s: a value has at most %(maximum)s characters.")
            % {"where": where, "maximum": MAXIMUM_VALUE_LENGTH}
        )
    return str(value).strip()


def _fold(text: str) -> str:
    return text.strip().casefold()


def _test_of(attribute: str, operator: str, value: str | tuple[str, ...]) -> Test:
    """How one folded value is compared.

    Raises:
        ValueError: these values cannot be compared so; the message says why.
    """
    wanted = tuple(_fold(each) for each in (value if isinstance(value, tuple) else (value,)))
    if operator == "present":
        return bool
    if operator in {"equals", "in"}:
        return frozenset(wanted).__contains__
    if operator == "contains":
        return lambda found: wanted[0] in found
    if operator == "matches":
        return matches(wanted[0])
    read: Reader = reader_of(attribute, _TIMES)
    if operator == "between":
        return between(wanted[0], wanted[1], read)
    return (greater if operator == "greater" else less)(wanted[0], read)
