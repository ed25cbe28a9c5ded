"""Reads of the ledger that pages and API share: lanes per destination, sums per study. Filters: routing.filters."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from routing.filters import STATES_BY_TAB
from routing.forecast import RECENT, drains_at, rate
from routing.models import Delivery, DeliveryState, Destination, Rule, RuleVersion
from routing.window import is_open, opens_at
from studies.models import Study


def with_what_a_list_shows(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Deliveries with study, destination and rule; a page's worth of each is cheaper than a join over the ledger."""
    return deliveries.prefetch_related("instance__series__study", "destination", "rule_version__rule")


@dataclass(frozen=True)
class Queue:
    """What waits for one destination."""

    destination: Destination
    waiting: int
    sending: int
    failed: int
    oldest_waiting_at: datetime | None
    opens_at: datetime | None = None

    @property
    def state(self) -> str:
        """``off``, ``paused`` after failures to connect, ``closed`` outside of its window, or ``up``."""
        if not self.destination.is_enabled:
            return "off"
        if self.destination.paused_until is not None:  # until it has given a sign of life, whatever the time
            return "paused"
        return "closed" if self.opens_at is not None else "up"


@dataclass(frozen=True)
class Lane(Queue):
    """One destination's lane: what waits, and how fast it goes."""

    delivered_last_day: int = 0
    instances_per_second: float = 0.0
    drains_at: datetime | None = None


def queues() -> list[Queue]:
    """What waits for each destination, in two queries; what is delivered, which is nearly everything, is not read."""
    unfinished: dict[int, Any] = {
        row["destination"]: row
        for row in Delivery.objects.filter(state__in=[DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.DEAD])
        .order_by()
        .values("destination")
        .annotate(
            waiting=Count("pk", filter=Q(state=DeliveryState.PENDING)),
            sending=Count("pk", filter=Q(state=DeliveryState.SENDING)),
            failed=Count("pk", filter=Q(state=DeliveryState.DEAD)),
            oldest_waiting_at=Min("queued_at", filter=Q(state=DeliveryState.PENDING)),
        )
    }
    now = timezone.now()
    nothing = {"waiting": 0, "sending": 0, "failed": 0, "oldest_waiting_at": None}
    return [
        Queue(
            **nothing | unfinished.get(destination.pk, {}) | {"destination": destination},
            opens_at=None if is_open(destination, now) else opens_at(destination, now),
        )
        for destination in Destination.objects.all()
    ]


def lanes() -> list[Lane]:
    """All destinations with the figures of their lanes, in three queries."""
    now = timezone.now()
    lately = Q(delivered_at__gte=now - RECENT)
    delivered: dict[int, Any] = {
        row["destination"]: row
        for row in Delivery.objects.filter(delivered_at__gte=now - timedelta(days=1))
        .order_by()
        .values("destination")
        .annotate(count=Count("pk"), lately=Count("pk", filter=lately), first=Min("delivered_at", filter=lately))
    }
    nothing = {"count": 0, "lately": 0, "first": None}
    return [_lane(queue, delivered.get(queue.destination.pk, nothing), now) for queue in queues()]


def _lane(queue: Queue, row: dict[str, Any], now: datetime) -> Lane:
    per_second = rate(row["lately"], row["first"], now)
    return Lane(
        **vars(queue),
        delivered_last_day=row["count"],
        instances_per_second=round(per_second, 2),
        drains_at=drains_at(queue.destination, queue.waiting + queue.sending, per_second, now),
    )


@dataclass
class Deliveries:
    """How one study stands with one destination, or with all of them together."""

    waiting: int = 0
    sending: int = 0
    delivered: int = 0
    failed: int = 0
    cancelled: int = 0
    last_delivered_at: datetime | None = None
    last_error: str = ""

    @property
    def total(self) -> int:
        """All deliveries."""
        return self.waiting + self.sending + self.delivered + self.failed + self.cancelled

    @property
    def under_way(self) -> int:
        """Waiting and sending together."""
        return self.waiting + self.sending

    def add(self, state: str, count: int) -> None:
        """Count deliveries of one state."""
        tab = next(tab for tab, states in STATES_BY_TAB.items() if state in states)
        setattr(self, tab, getattr(self, tab) + count)


def failed_deliveries() -> QuerySet[Delivery]:
    """Deliveries that will not be tried again unless somebody says so."""
    return Delivery.objects.filter(state=DeliveryState.DEAD)


def deliveries_of_studies(studies: Iterable[Study]) -> dict[int, Deliveries]:
    """Sums for a page of studies by their primary key, in one query; studies without deliveries are absent."""
    rows = (
        Delivery.objects.filter(instance__series__study__in=[study.pk for study in studies])
        .order_by()
        .values_list("instance__series__study", "state")
        .annotate(count=Count("pk"))
    )
    found: dict[int, Deliveries] = defaultdict(Deliveries)
    for study_pk, state, count in rows:
        found[study_pk].add(state, count)
    return dict(found)


@dataclass
class DestinationSummary:
    """What became of a study's instances at one destination."""

    pk: int
    name: str
    deliveries: Deliveries = field(default_factory=Deliveries)


def deliveries_by_destination(study: Study) -> list[DestinationSummary]:
    """One line per destination that the study goes to, in one query."""
    rows = (
        Delivery.objects.filter(instance__series__study=study)
        .order_by("destination__name")
        .values_list("destination", "destination__name", "state")
        .annotate(count=Count("pk"), last=Max("delivered_at"), error=Max("last_error"))
    )
    found: dict[int, DestinationSummary] = {}
    for pk, name, state, count, last, error in rows:
        summary = found.setdefault(pk, DestinationSummary(pk, name))
        summary.deliveries.add(state, count)
        summary.deliveries.last_delivered_at = max(
            filter(None, [summary.deliveries.last_delivered_at, last]), default=None
        )
        if state != DeliveryState.DELIVERED:
            summary.deliveries.last_error = error or summary.deliveries.last_error
    return list(found.values())


def rules_for_list() -> QuerySet[Rule]:
    """All rules in their order, with destinations and how many deliveries they made."""
    return (
        Rule.objects.prefetch_related("destinations", "ai_pools")
        .annotate(delivery_count=Count("versions__deliveries"))
        .order_by("order", "pk")
    )


def versions_of(rule: Rule) -> QuerySet[RuleVersion]:
    """Every form that a rule had, the latest first, with its author and how many deliveries it made."""
    return rule.versions.select_related("author").annotate(delivery_count=Count("deliveries")).order_by("-number")
