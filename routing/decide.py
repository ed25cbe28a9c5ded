"""Which rules act on what is judged: in their order, until one says that it goes nowhere. Pure.

Rules wait for an instance, a complete series or a complete study. Those that wait for less have been asked before, so a
rule may ask by ``MatchedRules`` about those of its own scope and of narrower ones that stand before it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from routing.action_kinds import USUAL_PRIORS
from routing.conditions import Comparison, Facts, fold, holds, needed_attributes
from routing.facts import FETCHED_FROM
from routing.models import Rule, RuleMode, RuleScope, RuleVersion
from routing.rules import ActiveRule, needed_by

SCOPES = (RuleScope.INSTANCE, RuleScope.SERIES, RuleScope.STUDY)
MATCHED_RULES = "MatchedRules"


@dataclass(frozen=True)
class PlanActions:
    """Those of a rule's actions that are carried out when it is planned; the others change what is sent.

    Attributes:
        discard: the reason why what matches goes nowhere; None when it does not say so.
        tier: on which the study is to be stored; empty when it does not say so.
        priors: how many earlier studies of the patient are to be brought back.
    """

    discard: str | None = None
    labels: tuple[str, ...] = ()
    tier: str = ""
    priors: int = 0


@dataclass(frozen=True)
class Outcome:
    """The rules that match, in their order.

    Attributes:
        acting: live ones; when one of them discards, it is the last.
        shadow: those that are only counted.
    """

    acting: tuple[ActiveRule, ...] = ()
    shadow: tuple[ActiveRule, ...] = ()

    @cached_property
    def destinations(self) -> dict[int, RuleVersion]:
        """Primary keys; one that several rules name is sent to once, by the first of them."""
        chosen: dict[int, RuleVersion] = {}
        for active in self._sending:
            for destination in active.destinations:
                chosen.setdefault(destination.pk, active.version)
        return chosen

    @cached_property
    def ai_pools(self) -> dict[int, ActiveRule]:
        """Primary keys, each with the first rule that names it."""
        chosen: dict[int, ActiveRule] = {}
        for active in self._sending:
            for pool in active.ai_pools:
                chosen.setdefault(pool.pk, active)
        return chosen

    @property
    def discarding(self) -> ActiveRule | None:
        """The rule that says that it goes nowhere from here on."""
        last = self.acting[-1] if self.acting else None
        return last if last and plan_actions(last.rule).discard is not None else None

    @property
    def _sending(self) -> tuple[ActiveRule, ...]:
        return self.acting[:-1] if self.discarding else self.acting


class RuleBook:
    """The rules of one scope, made ready to be asked about many instances, series or studies."""

    def __init__(self, rules: Sequence[ActiveRule], scope: RuleScope) -> None:
        self.own = [active for active in rules if active.rule.scope == scope]
        is_asked_for_names = MATCHED_RULES in needed_by(self.own)
        narrower = SCOPES[: SCOPES.index(scope)] if is_asked_for_names else ()
        self._rules = [
            active
            for active in rules
            if active.rule.scope == scope or (active.rule.scope in narrower and not _is_shadow(active))
        ]
        self.needed = needed_by(self._rules)
        self._scope = scope
        self._names = [active.rule.name.strip().casefold() for active in self._rules]
        self._discards = [plan_actions(active.rule).discard is not None for active in self._rules]
        # What Gantry fetched from an archive is a copy. A rule that took it for something new would send it back there,
        # and on to all who have it already: only those are asked that ask for it.
        self._for_fetched = [FETCHED_FROM in needed_attributes(active.conditions) for active in self._rules]
        self._index()

    def decide(self, facts: Facts) -> Outcome:
        """Ask the rules in their order."""
        folded = fold(facts)
        matched = folded[MATCHED_RULES] = []
        acting, shadow = [], []
        is_fetched = bool(folded.get(FETCHED_FROM))
        for position in self._candidates(folded):
            active = self._rules[position]
            if is_fetched and not self._for_fetched[position]:
                continue
            if not holds(active.conditions, folded):
                continue
            if _is_shadow(active):
                shadow.append(active)
                continue
            matched.append(self._names[position])
            if active.rule.scope == self._scope:
                acting.append(active)
                if self._discards[position]:
                    break
        return Outcome(tuple(acting), tuple(shadow))

    def _index(self) -> None:
        """Rules that want one of some values of an attribute are found by it; the others are always asked."""
        self._by_value: dict[str, dict[str, list[int]]] = {}
        self._always: list[int] = []
        for position, active in enumerate(self._rules):
            key = _key_of(active)
            if key is None:
                self._always.append(position)
                continue
            values = key.value if isinstance(key.value, tuple) else (key.value,)
            found = self._by_value.setdefault(key.attribute, {})
            for value in {value.strip().casefold() for value in values}:
                found.setdefault(value, []).append(position)

    def _candidates(self, folded: Facts) -> Iterator[int]:
        positions = set(self._always)
        for attribute, by_value in self._by_value.items():
            for value in folded.get(attribute, ()):
                positions.update(by_value.get(value, ()))
        return iter(sorted(positions))


def plan_actions(rule: Rule) -> PlanActions:
    """Whether a rule discards, the labels that it gives, and where it has studies stored."""
    discards = [str(action.get("reason", "")) for action in rule.actions if action.get("action") == "discard"]
    labels = [str(action.get("label", "")).strip() for action in rule.actions if action.get("action") == "label"]
    tiers = [str(action.get("tier", "")) for action in rule.actions if action.get("action") == "set_tier"]
    priors = [
        int(action.get("count", USUAL_PRIORS)) for action in rule.actions if action.get("action") == "fetch_priors"
    ]
    return PlanActions(
        discards[0] if discards else None,
        tuple(dict.fromkeys(filter(None, labels))),
        tiers[0] if tiers else "",
        priors[0] if priors else 0,
    )


def _is_shadow(active: ActiveRule) -> bool:
    return active.rule.mode == RuleMode.SHADOW


def _key_of(active: ActiveRule) -> Comparison | None:
    """The first of its conditions that names the values it wants."""
    plain = (each for each in active.conditions if isinstance(each, Comparison) and each.operator in {"equals", "in"})
    return next((each for each in plain if each.attribute != MATCHED_RULES), None)
