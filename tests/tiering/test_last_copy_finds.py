"""What the orders of events of test_last_copy are good for: each of these defects is found by them."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

import pytest
from django.db.models import Count, Q, QuerySet

from studies.labels import LEGAL_HOLD
from studies.models import Instance
from tests.tiering.test_last_copy import looks_only, run, shelves
from tiering import carry_out, eligible, hot_file, orphans, packs, put_away, remove
from tiering.models import Pack, PackState
from tiering.settings import minimum_copies

__all__ = ["shelves"]
EXAMPLES = 200
Defect = dict[tuple[Any, str], Callable[..., Any]]


def counted(instances: QuerySet[Instance], copies: Q, needed: int) -> QuerySet[Instance]:
    found = instances.annotate(verified_copies=Count("copies__pack__location", filter=copies, distinct=True))
    return found.filter(verified_copies__gte=needed)


def of_tier(tier: str) -> Q:
    return Q(copies__pack__location__tier=tier)


VERIFIED = Q(copies__pack__state=PackState.VERIFIED)


def damaged_copies_count(instances: QuerySet[Instance], tier: str) -> QuerySet[Instance]:
    return counted(instances, of_tier(tier), minimum_copies())


def copies_of_any_tier_count(instances: QuerySet[Instance], tier: str) -> QuerySet[Instance]:
    return counted(instances, VERIFIED, minimum_copies())


def one_copy_is_enough(instances: QuerySet[Instance], tier: str) -> QuerySet[Instance]:
    return counted(instances, VERIFIED & of_tier(tier), 1)


def no_copy_is_enough(instances: QuerySet[Instance], tier: str) -> QuerySet[Instance]:
    return instances


def enough(count: Callable[..., Any]) -> Defect:
    return {(remove, "with_enough_copies"): count, (carry_out, "with_enough_copies"): count}


def nothing(*_: Any) -> None:
    return None


def no_hold(_: Any) -> set[int]:
    return set()


def always(_: Any) -> bool:
    return True


def labelled_but_for_legal_holds(*labels: str) -> Any:
    return LABELLED(*(label for label in labels if label != LEGAL_HOLD), "no label")


LABELLED = eligible._labelled


def write_part_unseen(part: Any, instance: Any, reader: Any, head_crc32: int) -> None:
    part.write_bytes(reader.take(instance.size_bytes))


def give_up_damaged_packs() -> None:
    Pack.objects.filter(state=PackState.DAMAGED).update(state=PackState.REMOVING)


DEFECTS: dict[str, Defect] = {
    "damaged copies count": enough(damaged_copies_count),
    "copies of any tier count": enough(copies_of_any_tier_count),
    "one copy is enough": enough(one_copy_is_enough),
    "no copy is enough": enough(no_copy_is_enough),
    "old copies are not read again before they are relied on": {
        (put_away, "verify_again"): nothing,
        (carry_out, "verify_again"): nothing,
    },
    "old copies are not read again before files are removed": {(carry_out, "verify_again"): nothing},
    "packs are not compared": {(packs, "_compare"): nothing},
    "holds are ignored": {(remove, "held"): no_hold},
    "legal holds are ignored": {(eligible, "_labelled"): labelled_but_for_legal_holds},
    "what comes back is not hashed": {
        (hot_file, "_write_part"): write_part_unseen,
        (hot_file, "is_intact_in_hot_store"): always,
    },
    "the sweep removes damaged packs": {(orphans, "_give_up_abandoned"): give_up_damaged_packs},
}

QUICK = {"old copies are not read again before they are relied on", "packs are not compared", "holds are ignored"}


@pytest.mark.django_db
@pytest.mark.usefixtures("shelves")
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "defect",
    [
        pytest.param(defect, id=name, marks=() if name in QUICK else pytest.mark.faults)
        for name, defect in DEFECTS.items()
    ],
)
@pytest.mark.embedded
def test_a_defect_is_found(defect: Defect) -> None:
    with ExitStack() as stack:
        for (module, name), function in defect.items():
            stack.enter_context(patch.object(module, name, function))
        with pytest.raises(AssertionError):
            run(EXAMPLES, **looks_only())
