"""Rules: saved as versions, and read as the planner uses them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from routing.conditions import Condition, needed_attributes, parse_conditions
from routing.models import AIPool, Destination, Rule, RuleVersion


@dataclass(frozen=True)
class ActiveRule:
    """An enabled rule as the planner uses it, read once for a batch."""

    rule: Rule
    version: RuleVersion
    conditions: tuple[Condition, ...]
    destinations: tuple[Destination, ...]
    ai_pools: tuple[AIPool, ...]


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
    if rule.pk is not None:  # two who save at once make one version after the other
        Rule.objects.select_for_update().filter(pk=rule.pk).first()
    chosen = sorted(destinations, key=lambda destination: destination.pk)
    pools = sorted(ai_pools, key=lambda pool: pool.pk)
    rule.save()
    rule.destinations.set(chosen)
    rule.ai_pools.set(pools)
    definition = definition_of(rule, chosen, pools)
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


def definition_of(rule: Rule, destinations: Iterable[Destination], ai_pools: Iterable[AIPool]) -> dict[str, Any]:
    """All of a rule that decides what it does, as its versions keep it; the rule need not be saved."""
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
