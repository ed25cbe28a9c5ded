"""Rules that wait for a whole series or study: asked when it is complete, and again when more came and it is so again.

Judged is the union of the values of one instance of each series; what matches concerns all its instances. What has
gone to a destination or an AI pool goes there no second time: of a study that a late instance opened again, that is
the late instance.
"""

import logging
from collections import Counter
from collections.abc import Iterator

from django.db import transaction
from django.db.models import Exists, Q, QuerySet
from django.utils import timezone

from dicomnet.part10 import NotPart10
from routing.conditions import Facts
from routing.decide import Outcome, RuleBook
from routing.decisions import Record
from routing.facts import COLUMNS, counts_of, facts_of_instance, union_of
from routing.models import AIRequest, Decision, Delivery, RuleScope
from routing.rules import active_rules
from studies.errors import MalformedDataSet
from studies.models import Instance, Series, Study

logger = logging.getLogger(__name__)
BATCH = 100
TRIED_PER_SERIES = 10  # instances of a series, when the first cannot be read
Whole = Series | Study


def decide_complete(unreadable: set[int]) -> int:
    """Ask about each complete series and study that is not decided on; returns how many were decided.

    Args:
        unreadable: primary keys of instances about which the rules of instances cannot be asked now. No other may be
            missing when a whole is decided on.
    """
    decided = 0
    for model, scope in ((Series, RuleScope.SERIES), (Study, RuleScope.STUDY)):
        due: QuerySet[Whole] = model._default_manager.filter(decided_at=None, completed_at__isnull=False)
        if due.exists():
            decided += _decide_all(due.order_by("pk"), RuleBook(active_rules(), scope), unreadable)
    return decided


def _decide_all(due: QuerySet[Whole], book: RuleBook, unreadable: set[int]) -> int:
    if not book.own:
        return due.update(decided_at=timezone.now())
    decided, after = 0, 0
    while batch := list(due.filter(pk__gt=after)[:BATCH]):
        decided += sum(_decide(whole, book, unreadable) for whole in batch)
        after = batch[-1].pk
    return decided


def _decide(whole: Whole, book: RuleBook, unreadable: set[int]) -> bool:
    """Whether it is decided on; otherwise it is looked at again."""
    if set(_instances_of(whole).filter(planned_at=None).values_list("pk", flat=True)) - unreadable:
        return False
    firsts = _firsts_of(whole)
    facts = list(_facts(firsts, book.needed))
    if firsts and not facts:
        return False
    outcome = book.decide(union_of(facts)) if facts else Outcome()
    with transaction.atomic():
        if not _is_still_complete(whole):
            return False
        _write(whole, book, outcome)
        type(whole)._default_manager.filter(pk=whole.pk).update(decided_at=timezone.now())
    return True


def _is_still_complete(whole: Whole) -> bool:
    """Nothing came in since it was read, and nobody else decided. Until the transaction ends it stays so.

    The index locks the study first, too: neither waits for the other with a lock that the other wants.
    """
    Study.objects.select_for_update(no_key=True).filter(pk=_study_pk(whole)).first()
    same = type(whole)._default_manager.filter(pk=whole.pk, completed_at=whole.completed_at, decided_at=None)
    return same.exists()


def _write(whole: Whole, book: RuleBook, outcome: Outcome) -> None:
    series_of = dict(_concerned(whole).values_list("pk", "series_id"))
    record = Record(_delivered(whole, outcome), _requested(whole, outcome))
    record.add(outcome, study_pk=_study_pk(whole), instance_pks=series_of)
    record.write()
    sizes = Counter(series_of.values())
    Decision.objects.bulk_create(
        [
            Decision(rule_version=active.version, series_id=pk, matched=True, instance_count=count)
            for active in outcome.acting
            for pk, count in sizes.items()
        ],
        update_conflicts=True,
        unique_fields=["rule_version", "series"],
        update_fields=["decided_at", "matched", "instance_count"],
    )
    acting = {active.version.pk for active in outcome.acting}
    other = [active.version.pk for active in book.own if active.version.pk not in acting]
    Decision.objects.filter(rule_version__in=other, series__in=sizes).update(matched=False, decided_at=timezone.now())


def _delivered(whole: Whole, outcome: Outcome) -> set[tuple[int, int]]:
    if not outcome.destinations:
        return set()
    ledger = Delivery.objects.filter(instance__in=_concerned(whole), destination__in=outcome.destinations).order_by()
    return set(ledger.values_list("instance_id", "destination_id"))


def _requested(whole: Whole, outcome: Outcome) -> set[tuple[int, int]]:
    if not outcome.ai_pools:
        return set()
    asked = AIRequest.instances.through.objects.filter(
        instance__in=_concerned(whole), airequest__pool__in=outcome.ai_pools
    )
    return set(asked.values_list("instance_id", "airequest__pool_id"))


def _firsts_of(whole: Whole) -> list[list[Instance]]:
    """Of each series the first instances, of which one speaks for it."""
    series = [whole] if isinstance(whole, Series) else list(whole.series.all())
    concerned = _concerned(whole).only(*COLUMNS).order_by("-is_primary", "pk")
    firsts = [list(concerned.filter(series=each)[:TRIED_PER_SERIES]) for each in series]
    return [each for each in firsts if each]


def _facts(firsts: list[list[Instance]], needed: set[str]) -> Iterator[Facts]:
    """The facts of one instance of each series; of a series of which none can be read there are none."""
    received = counts_of((instances[0].series_id for instances in firsts), needed)
    for instances in firsts:
        for instance in instances:
            try:
                yield facts_of_instance(instance, needed, received.get(instance.series_id))
            except (OSError, NotPart10, MalformedDataSet) as error:
                logger.error("instance not read", extra={"instance": instance.pk, "error": str(error)})
            else:
                break


def _concerned(whole: Whole) -> QuerySet[Instance]:
    """Instances that rules may act on: not what one of them discarded, nor what AI workers sent, which the gate has.

    Of what was sent here in part, and in part fetched from an archive, it is the part that was sent.
    """
    instances = _instances_of(whole).filter(discard=None, ai_result=None)
    sent = instances.filter(fetched_from="")
    return instances.filter(Q(fetched_from="") | ~Exists(sent))


def _instances_of(whole: Whole) -> QuerySet[Instance]:
    if isinstance(whole, Series):
        return Instance.objects.filter(series=whole).order_by()
    return Instance.objects.filter(series__study=whole).order_by()


def _study_pk(whole: Whole) -> int:
    return whole.study_id if isinstance(whole, Series) else whole.pk
