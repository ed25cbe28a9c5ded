"""Which rules match a new instance: their deliveries are written to the ledger, once."""

import logging
from collections import defaultdict
from pathlib import Path

from django.db import transaction
from django.utils import timezone

from dicomnet.part10 import NotPart10
from routing.ai.gate import judge_arrivals
from routing.ai.requests import request
from routing.conditions import judge
from routing.facts import facts_of_file
from routing.models import AIPool, RuleVersion
from routing.queue import add_deliveries, tell_due
from routing.rules import ActiveRule, active_rules, needed_by
from studies.errors import MalformedDataSet
from studies.models import Instance
from studies.storage import hot_storage

logger = logging.getLogger(__name__)
BATCH = 200


def plan_all() -> int:
    """Ask the rules about every instance that they have not seen; returns how many were planned."""
    planned, after = 0, 0
    while True:
        unplanned = Instance.objects.filter(planned_at=None, pk__gt=after).only("location")
        batch = list(unplanned.order_by("pk")[:BATCH])
        if not batch:
            return planned
        planned += plan_batch(batch)
        after = batch[-1].pk  # what could not be read stays unplanned, and is not in the way of the next


def plan_batch(instances: list[Instance]) -> int:
    """Write the deliveries of these instances and mark them, in one transaction."""
    rules = active_rules()
    needed = needed_by(rules)
    from_ai = judge_arrivals(instances)  # the gate has these: no rule sees what an AI worker sent
    lines: dict[RuleVersion, list[tuple[int, int]]] = defaultdict(list)
    asked: dict[tuple[RuleVersion, AIPool], list[int]] = defaultdict(list)
    planned: list[int] = []
    for instance in instances:
        if not rules or instance.pk in from_ai:  # nothing to ask: no header is read
            planned.append(instance.pk)
            continue
        try:
            matching = _matching(instance, rules, needed)
        except (OSError, NotPart10, MalformedDataSet) as error:
            logger.error("instance not planned", extra={"instance": instance.pk, "error": str(error)})
            continue
        planned.append(instance.pk)
        for version, destination_pk in _destinations(matching):
            lines[version].append((instance.pk, destination_pk))
        for active in matching:
            for pool in active.ai_pools:
                asked[active.version, pool].append(instance.pk)
    with transaction.atomic():
        for version, pairs in lines.items():
            add_deliveries(version, pairs)
        for (version, pool), pks in asked.items():
            _ask(pool, version, pks)
        Instance.objects.filter(pk__in=planned, planned_at=None).update(planned_at=timezone.now())
        tell_due({destination_pk for pairs in lines.values() for _, destination_pk in pairs})
    return len(planned)


def _matching(instance: Instance, rules: list[ActiveRule], needed: set[str]) -> list[ActiveRule]:
    # The header is read again rather than kept in the database: any attribute may stand in a rule.
    facts = facts_of_file(Path(hot_storage().path(instance.location)), needed)
    return [active for active in rules if judge(active.conditions, facts).holds]


def _destinations(matching: list[ActiveRule]) -> list[tuple[RuleVersion, int]]:
    """The destinations of all matching rules; one that several name gets the instance once, by the first of them."""
    chosen: dict[int, RuleVersion] = {}
    for active in matching:
        for destination in active.destinations:
            chosen.setdefault(destination.pk, active.version)
    return [(version, destination_pk) for destination_pk, version in chosen.items()]


def _ask(pool: AIPool, version: RuleVersion, pks: list[int]) -> None:
    by_study: dict[int, list[int]] = defaultdict(list)
    for study_pk, pk in Instance.objects.filter(pk__in=pks).values_list("series__study_id", "pk"):
        by_study[study_pk].append(pk)
    for study_pk, instance_pks in by_study.items():
        priority = version.definition["priority"]
        request(pool, version=version, study_pk=study_pk, instance_pks=instance_pks, priority=priority)
