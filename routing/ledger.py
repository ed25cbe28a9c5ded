"""The books: what a rule matched is delivered, waits, has failed or was cancelled, and nothing else.

Each line of the ledger is one instance that a rule, or a person, wants at one destination. It is written in the
transaction that marks the instance as planned, and is never deleted. So for each destination

    acknowledged = delivered + pending + dead + cancelled

always holds, and an instance that has no line is one that no rule has seen yet, that a rule discarded, or that
matches none.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from routing.models import Delivery, DeliveryState, Discard
from routing.queue import LEASE_SECONDS
from studies.models import Instance

DELIVERED = (DeliveryState.DELIVERED, DeliveryState.CONFIRMED)
PENDING = (DeliveryState.PENDING, DeliveryState.SENDING)


@dataclass(frozen=True)
class Account:
    """One destination's side of the books, in instances that rules or persons want there."""

    destination: int
    destination_name: str
    acknowledged: int
    delivered: int
    pending: int
    dead: int
    cancelled: int

    @property
    def is_balanced(self) -> bool:
        """Every instance is accounted for."""
        return self.acknowledged == self.delivered + self.pending + self.dead + self.cancelled


def accounts() -> list[Account]:
    """Every destination that has lines, in one query over the index of states."""
    rows = (
        Delivery.objects.order_by("destination__name")
        .values_list("destination", "destination__name")
        .annotate(
            acknowledged=Count("pk"),
            delivered=Count("pk", filter=Q(state__in=DELIVERED)),
            pending=Count("pk", filter=Q(state__in=PENDING)),
            dead=Count("pk", filter=Q(state=DeliveryState.DEAD)),
            cancelled=Count("pk", filter=Q(state=DeliveryState.CANCELLED)),
        )
    )
    return [Account(*row) for row in rows]


@dataclass(frozen=True)
class Intake:
    """Every acknowledged and indexed instance, by what the rules said of it."""

    acknowledged: int
    routed: int
    discarded: int
    unmatched: int
    unplanned: int

    @property
    def is_balanced(self) -> bool:
        """Every instance is accounted for."""
        return self.acknowledged == self.routed + self.discarded + self.unmatched + self.unplanned


def intake() -> Intake:
    """All instances, in one query; those with a line count as routed, whatever else they are."""
    has_line = Exists(Delivery.objects.filter(instance=OuterRef("pk")))
    is_discarded = Exists(Discard.objects.filter(instance=OuterRef("pk")))
    nowhere = Q(has_line=False)
    row = Instance.objects.annotate(has_line=has_line, is_discarded=is_discarded).aggregate(
        acknowledged=Count("pk"),
        routed=Count("pk", filter=Q(has_line=True)),
        discarded=Count("pk", filter=nowhere & Q(is_discarded=True)),
        unmatched=Count("pk", filter=nowhere & Q(is_discarded=False, planned_at__isnull=False)),
        unplanned=Count("pk", filter=nowhere & Q(is_discarded=False, planned_at=None)),
    )
    return Intake(**row)


def contradictions() -> dict[str, QuerySet[Delivery]]:
    """Lines that say something impossible, by what is wrong; all empty while the books are right."""
    late = timezone.now() - timedelta(seconds=3 * LEASE_SECONDS)
    return {
        "delivered, and nothing says when": Delivery.objects.filter(state__in=DELIVERED, delivered_at=None),
        "delivered, and the destination did not say so": Delivery.objects.filter(
            state__in=DELIVERED, last_status__gte=0xA700, last_status__lt=0xB000
        ),
        "failed without a reason": Delivery.objects.filter(
            state=DeliveryState.DEAD, last_error="", last_status__isnull=True
        ),
        "sending, and the lease ended long ago": Delivery.objects.filter(
            state=DeliveryState.SENDING, lease_until__lt=late
        ),
        "held by a worker, and not being sent": Delivery.objects.exclude(state=DeliveryState.SENDING).exclude(
            lease_token=""
        ),
    }
