"""Which of a study's instances a definition of a rule would take."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from routing.backtest.history import Unit
from routing.conditions import Condition, fold, holds, needed_attributes, parse_conditions
from routing.decide import MATCHED_RULES, SCOPES
from routing.facts import union_of
from routing.models import RuleMode, RuleScope
from routing.rules import active_rules


@dataclass(frozen=True)
class Named:
    """A rule before the one that is tested, which may ask by the folded name whether it matched."""

    name: str
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Tested:
    """The conditions and the scope of a draft, or of a version."""

    conditions: tuple[Condition, ...]
    scope: str
    before: tuple[Named, ...] = ()

    def attributes(self) -> set[str]:
        """All that a judgement reads."""
        own = needed_attributes(self.conditions)
        return own.union(*(needed_attributes(named.conditions) for named in self.before))

    def count(self, units: Sequence[Unit]) -> int:
        """How many instances of one study it takes; of a series or study that matches, all."""
        return sum(unit.count for group in _groups(units, self.scope) if self._holds(group) for unit in group)

    def _holds(self, units: Sequence[Unit]) -> bool:
        facts = units[0].facts if len(units) == 1 else union_of(unit.facts for unit in units)
        folded = fold(facts)
        if self.before:
            names = folded[MATCHED_RULES] = []
            for named in self.before:
                if holds(named.conditions, folded):
                    names.append(named.name)  # noqa: PERF401 (each asks about those before it)
        return holds(self.conditions, folded)


def tested(definition: Mapping[str, Any], *, rule_pk: int | None) -> Tested:
    """What a definition asks, with the enabled rules before it when it asks which of them matched.

    Raises:
        BadCondition: its conditions are none.
    """
    conditions = parse_conditions(definition["conditions"])
    scope = definition.get("scope", RuleScope.INSTANCE)
    if MATCHED_RULES not in needed_attributes(conditions):
        return Tested(conditions, scope)
    place = (definition["order"], rule_pk if rule_pk is not None else float("inf"))
    before = [
        active
        for active in active_rules()
        if (active.rule.order, active.rule.pk) < place
        and active.rule.pk != rule_pk
        and active.rule.mode == RuleMode.LIVE
        and SCOPES.index(active.rule.scope) <= SCOPES.index(scope)
    ]
    named = (Named(active.rule.name.strip().casefold(), active.conditions) for active in before)
    return Tested(conditions, scope, tuple(named))


def _groups(units: Sequence[Unit], scope: str) -> Iterable[Sequence[Unit]]:
    """What is judged as one: instances that are alike, a series, or the study."""
    if scope == RuleScope.STUDY:
        return [units] if units else []
    if scope == RuleScope.SERIES:
        by_series: dict[int, list[Unit]] = defaultdict(list)
        for unit in units:
            by_series[unit.series_pk].append(unit)
        return by_series.values()
    return [[unit] for unit in units]
