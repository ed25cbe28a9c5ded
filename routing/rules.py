"""Rules: saved as versions, and asked which of them an instance matches."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from routing.conditions import Condition, Facts, Verdict, judge, needed_attributes, parse_conditions
from routing.facts import facts_of_file
from routing.models import AIPool, Destination, Rule, RuleVersion


@dataclass(frozen=True)
class ActiveRule:
    """An enabled rule as the planner uses it, read once for a batch."""

    rule: Rule
    version: RuleVersion
    conditions: tuple[Condition, ...]
    destinations: tuple[Destination, ...]
    ai_pools: tuple[AIPool, ...]


@dataclass(frozen=True)
class RuleVerdict:
    """Whether a rule matches one instance, and why."""

    rule: Rule
    verdict: Verdict
    destinations: tuple[Destination, ...]

    @property
    def matched(self) -> bool:
        """All conditions hold."""
        return self.verdict.holds


def active_rules() -> list[ActiveRule]:
    """The enabled rules in their order, each with its current version; constant in queries."""
    enabled = Rule.objects.filter(is_enabled=True)
    rules = list(enabled.prefetch_related("destinations", "ai_pools").order_by("order", "pk"))
    versions = {(version.rule_id, version.number): version for version in RuleVersion.objects.filter(rule__in=rules)}
    return [
        ActiveRule(
            rule,
            versions[rule.pk, rule.version],
            parse_conditions(rule.conditions),
            tuple(rule.destinations.all()),
            tuple(rule.ai_pools.all()),
        )
        for rule in rules
    ]


def needed_by(rules: Sequence[ActiveRule]) -> set[str]:
    """Names of all attributes that these rules read."""
    return set[str]().union(*(needed_attributes(active.conditions) for active in rules))


def explain(facts: Facts) -> list[RuleVerdict]:
    """Every enabled rule's verdict on one instance, with reasons; changes nothing."""
    return [RuleVerdict(active.rule, judge(active.conditions, facts), active.destinations) for active in active_rules()]


def explain_file(path: Path) -> list[RuleVerdict]:
    """Every enabled rule's verdict on one Part 10 file.

    Raises:
        NotPart10, MalformedDataSet: the file is no DICOM file, or broken.
    """
    return explain(facts_of_file(path, needed_by(active_rules())))


@transaction.atomic
def save_rule(
    rule: Rule,
    *,
    destinations: Iterable[Destination],
    ai_pools: Iterable[AIPool] = (),
    author: AbstractBaseUser | None = None,
    reason: str = "",
) -> RuleVersion:
    """Save a rule; when its definition differs from the last version, that becomes the next one.

    Args:
        rule: new or changed, already validated.
        destinations: where it sends to; replaces what was.
        ai_pools: who computes on it; replaces what was.
        author: who made the change; None for the system itself.
        reason: why, in the author's words.
    """
    chosen = sorted(destinations, key=lambda destination: destination.pk)
    pools = sorted(ai_pools, key=lambda pool: pool.pk)
    rule.save()
    rule.destinations.set(chosen)
    rule.ai_pools.set(pools)
    definition = _definition(rule, chosen, pools)
    last = rule.versions.order_by("-number").first()
    if last is not None and last.definition == definition:
        return last
    rule.version = last.number + 1 if last else 1
    rule.save(update_fields=["version"])
    return RuleVersion.objects.create(
        rule=rule,
        number=rule.version,
        definition=definition,
        author_id=author.pk if author is not None else None,
        reason=reason,
    )


def _definition(rule: Rule, destinations: list[Destination], ai_pools: list[AIPool]) -> dict[str, Any]:
    return {
        "name": rule.name,
        "order": rule.order,
        "scope": rule.scope,
        "mode": rule.mode,
        "conditions": rule.conditions,
        "priority": rule.priority,
        "destinations": [{"id": destination.pk, "name": destination.name} for destination in destinations],
        "ai_pools": [{"id": pool.pk, "name": pool.name} for pool in ai_pools],
        "actions": rule.actions,
    }
