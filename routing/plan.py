"""The rules are asked about new instances, and then about series and studies that are complete.

Deliveries are written to the ledger once, with all else that a decision comes to, in the transaction that marks the
instance as asked about.
"""

import logging

from django.db import transaction
from django.utils import timezone

from dicomnet.part10 import NotPart10
from routing.ai.gate import judge_arrivals
from routing.decide import Outcome, RuleBook
from routing.decisions import Record
from routing.facts import COLUMNS, counts_of, facts_of_instance
from routing.models import RuleScope
from routing.plan_complete import decide_complete
from routing.rules import active_rules
from studies.errors import MalformedDataSet
from studies.models import Instance, Series

logger = logging.getLogger(__name__)
BATCH = 200
NOTHING = Outcome()


def plan_all() -> int:
    """Ask the rules about all that they have not seen; returns how many instances were planned."""
    planned, after = 0, 0
    unreadable: set[int] = set()
    while True:
        unplanned = Instance.objects.filter(planned_at=None, pk__gt=after).only(*COLUMNS)
        batch = list(unplanned.order_by("pk")[:BATCH])
        if not batch:
            break
        asked = plan_batch(batch)
        planned += len(asked)
        unreadable |= {instance.pk for instance in batch} - asked
        after = batch[-1].pk  # what could not be read stays unplanned, and is not in the way of the next
    decide_complete(unreadable)
    return planned


def plan_batch(instances: list[Instance]) -> set[int]:
    """Write what the rules of instances decide on these and mark them, in one transaction.

    Returns:
        The primary keys of those about which the rules were asked; the others cannot be read.
    """
    from_ai = judge_arrivals(instances)  # the gate has these: no rule sees what an AI worker sent
    outcomes = dict.fromkeys(from_ai, NOTHING) | _judge([each for each in instances if each.pk not in from_ai])
    with transaction.atomic():
        # Of two workers that judged the same instance one writes: nothing is requested twice.
        waiting = Instance.objects.select_for_update(no_key=True).filter(pk__in=outcomes, planned_at=None)
        won = list(waiting.order_by("pk").values_list("pk", flat=True))
        _record(instances, {pk: outcomes[pk] for pk in won}).write()
        Instance.objects.filter(pk__in=won).update(planned_at=timezone.now())
    return set(outcomes)


def _judge(instances: list[Instance]) -> dict[int, Outcome]:
    book = RuleBook(active_rules(), RuleScope.INSTANCE)
    if not book.own:  # nothing to ask: no header is read
        return {instance.pk: NOTHING for instance in instances}
    received = counts_of((instance.series_id for instance in instances), book.needed)
    outcomes = {}
    for instance in instances:
        try:
            facts = facts_of_instance(instance, book.needed, received.get(instance.series_id))
        except (OSError, NotPart10, MalformedDataSet) as error:
            logger.error("instance not planned", extra={"instance": instance.pk, "error": str(error)})
        else:
            outcomes[instance.pk] = book.decide(facts)
    return outcomes


def _record(instances: list[Instance], outcomes: dict[int, Outcome]) -> Record:
    record = Record()
    matched = [instance for instance in instances if outcomes.get(instance.pk, NOTHING) != NOTHING]
    series = Series.objects.filter(pk__in={instance.series_id for instance in matched}).order_by()
    study_of = dict(series.values_list("pk", "study_id")) if matched else {}
    for instance in matched:
        record.add(outcomes[instance.pk], study_pk=study_of[instance.series_id], instance_pks=[instance.pk])
    return record
