"""Which conditions can never hold, and which hold whenever others do. Pure; says nothing where it is not sure."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.utils.translation import gettext as _
from pydicom.datadict import dictionary_VM, tag_for_keyword

from routing.conditions import ASSOCIATION_ATTRIBUTES, Comparison, Condition, Group
from routing.models import RuleScope
from studies.attributes import ATTRIBUTES, Level

_LEVELS = {attribute.keyword: attribute.level for attribute in ATTRIBUTES}
_OF_A_SERIES = frozenset({Level.STUDY, Level.SERIES})


def contradiction(conditions: Sequence[Condition], scope: str) -> str:
    """Why no instance can meet all of these, in words; empty when nothing speaks against it."""
    wanted, refused = _by_attribute(conditions)
    for attribute, comparisons in wanted.items():
        if not has_one_value(attribute, scope):
            continue
        if _is_empty(comparisons, refused.get(attribute, [])):
            words = " and ".join(str(each) for each in comparisons)
            excluded = "".join(_(", but not %(each)s") % {"each": each} for each in refused.get(attribute, []))
            return _("%(words)s%(excluded)s: no value does that") % {"words": words, "excluded": excluded}
    return ""


def is_implied(wider: Sequence[Condition], narrower: Sequence[Condition], scope: str) -> bool:
    """Whether all of ``wider`` hold whenever all of ``narrower`` do."""
    wanted, _ = _by_attribute(narrower)
    known = set(_flat(narrower))
    return all(each in known or _follows(each, wanted, scope) for each in _flat(wider))


def has_one_value(attribute: str, scope: str) -> bool:
    """Whether what is judged has at most one value of it: by the dictionary, and over a whole series or study."""
    if scope != RuleScope.INSTANCE:
        levels = _OF_A_SERIES if scope == RuleScope.SERIES else frozenset({Level.STUDY})
        if _LEVELS.get(attribute) not in levels:
            return False
    if attribute in ASSOCIATION_ATTRIBUTES:
        return True
    tag = tag_for_keyword(attribute)
    return tag is not None and dictionary_VM(tag) == "1"


def comparisons_of(conditions: Sequence[Condition]) -> Iterator[Comparison]:
    """Every comparison, those in groups too."""
    for condition in conditions:
        if isinstance(condition, Group):
            yield from comparisons_of(condition.members)
        else:
            yield condition


def _flat(conditions: Sequence[Condition]) -> Iterator[Condition]:
    """What must hold, with the members of groups of which all must."""
    for condition in conditions:
        if isinstance(condition, Group) and condition.kind == "all":
            yield from _flat(condition.members)
        else:
            yield condition


def _by_attribute(
    conditions: Sequence[Condition],
) -> tuple[dict[str, list[Comparison]], dict[str, list[Comparison]]]:
    """Comparisons that must hold, and those that must not, by attribute."""
    wanted: dict[str, list[Comparison]] = defaultdict(list)
    refused: dict[str, list[Comparison]] = defaultdict(list)
    for condition in _flat(conditions):
        if isinstance(condition, Comparison):
            wanted[condition.attribute].append(condition)
        elif condition.kind == "none":
            for member in condition.members:
                if isinstance(member, Comparison):
                    refused[member.attribute].append(member)
    return wanted, refused


def _is_empty(wanted: Sequence[Comparison], refused: Sequence[Comparison]) -> bool:
    """Whether no single value satisfies all that is wanted and nothing that is refused."""
    if any(each.operator == "present" for each in refused):
        return True
    values = _values(wanted)
    if values is not None:
        return not any(_satisfies(value, wanted) and not _satisfies_any(value, refused) for value in values)
    low = [number for each in wanted if each.operator == "greater" for number in _numbers(each)]
    high = [number for each in wanted if each.operator == "less" for number in _numbers(each)]
    return bool(low and high) and max(low) >= min(high)


def _follows(wider: Condition, wanted: dict[str, list[Comparison]], scope: str) -> bool:
    if not isinstance(wider, Comparison):
        return False
    comparisons = wanted.get(wider.attribute, [])
    if wider.operator == "present":
        return bool(comparisons)  # nothing else holds without a value
    values = _values(comparisons) if has_one_value(wider.attribute, scope) else None
    return values is not None and all(_satisfies(value, [wider]) for value in values)


def _values(comparisons: Sequence[Comparison]) -> list[str] | None:
    """The only values that can be meant, when one of the comparisons names them all."""
    for each in comparisons:
        if each.operator == "equals" and isinstance(each.value, str):
            return [each.value]
    lists = [list(each.value) for each in comparisons if each.operator == "in"]
    return min(lists, key=len) if lists else None


def _satisfies(value: str, comparisons: Sequence[Comparison]) -> bool:
    return all(each.judge({each.attribute: [value]}).holds for each in comparisons)


def _satisfies_any(value: str, comparisons: Sequence[Comparison]) -> bool:
    return any(each.judge({each.attribute: [value]}).holds for each in comparisons)


def _numbers(comparison: Comparison) -> list[float]:
    try:
        return [float(comparison.value)] if isinstance(comparison.value, str) else []
    except ValueError:
        return []
