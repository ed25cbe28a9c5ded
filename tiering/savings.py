"""What each policy saved: what it moved and still lies there, against what that would cost where it was."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Exists, F, Max, OuterRef, QuerySet, Sum

from studies.models import Tier
from tiering.models import Move, MoveState, PackState, Policy, Reason, SampleOf, TierSample
from tiering.settings import hot_cost_per_gb_month
from tiering.simulation import GB, cost_before

DAYS_OF_A_MONTH = Decimal("30.4375")
SWITCHED = (MoveState.SWITCHED, MoveState.DONE)
# Whose decision it was; a study that went back there, or instances that followed it, change nothing about that.
DECIDED_BY = (Reason.PERSON, Reason.RULE, Reason.POLICY)


@dataclass(frozen=True)
class Saved:
    """What one policy moved, as long as it lies there.

    Attributes:
        size_bytes: of all contents of these studies.
        per_month: less than 0 when they cost more there.
        so_far: sum of what was saved each day that there is a sample of; 0 where only one day is looked at.
    """

    studies: int = 0
    size_bytes: int = 0
    per_month: Decimal = Decimal(0)
    so_far: Decimal = Decimal(0)


def saved_as_noted() -> dict[int, Saved]:
    """By the policy's primary key, as the samples have it, which are an hour old at most; none before the first."""
    days = TierSample.objects.filter(what=SampleOf.POLICY).order_by()
    totals = dict(days.values_list("key").annotate(total=Sum("per_month")))
    latest = days.filter(on=days.aggregate(on=Max("on"))["on"])
    return {
        int(row.key): Saved(row.studies, row.size_bytes, row.per_month, totals[row.key] / DAYS_OF_A_MONTH)
        for row in latest
    }


def saved_now() -> dict[int, Saved]:
    """By the policy's primary key; of each policy. With many moves it takes seconds: for the samples."""
    moved = _moved()
    sums = {
        row["policy"]: (row["studies"], row["size"] or 0)
        for row in moved.values("policy").annotate(studies=Count("study"), size=Sum("study__size_bytes"))
    }
    packs = moved.filter(study__packs__state=PackState.VERIFIED, study__packs__location__tier=F("to_tier"))
    cost: dict[int, Decimal] = defaultdict(Decimal)
    for row in packs.values("policy", price=F("study__packs__location__cost_per_gb_month")).annotate(
        size=Sum("study__packs__size_bytes")
    ):
        cost[row["policy"]] += row["price"] * row["size"] / GB
    found = {}
    for policy in Policy.objects.all():
        studies, size = sums.get(policy.pk, (0, 0))
        there = hot_cost_per_gb_month() * size / GB if policy.to_tier == Tier.HOT else cost[policy.pk]
        before = cost_before(policy) * size / GB if size else Decimal(0)
        found[policy.pk] = Saved(studies, size, before - there)
    return found


def _moved() -> QuerySet[Move]:
    """The moves of policies after which their study is read from that tier still; of each study one."""
    later = Move.objects.filter(
        study=OuterRef("study"),
        to_tier=OuterRef("to_tier"),
        state__in=SWITCHED,
        reason__in=DECIDED_BY,
        pk__gt=OuterRef("pk"),
    )
    moves = Move.objects.filter(policy__isnull=False, state__in=SWITCHED, study__tier=F("to_tier"))
    return moves.filter(~Exists(later)).order_by()
