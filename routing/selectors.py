"""Reads of the ledger that pages and API share: deliveries by filter, lanes per destination, sums per study."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from routing.models import Delivery, DeliveryState, Destination, Rule, RuleVersion
from studies.models import Study

# The tabs of the deliveries page. Confirmed is delivered, and proven by the peer.
STATES_BY_TAB: dict[str, tuple[str, ...]] = {
    "waiting": (DeliveryState.PENDING,),
    "sending": (DeliveryState.SENDING,),
    "delivered": (DeliveryState.DELIVERED, DeliveryState.CONFIRMED),
    "failed": (DeliveryState.DEAD,),
    "cancelled": (DeliveryState.CANCELLED,),
    "all": tuple(DeliveryState),
}


@dataclass(frozen=True)
class DeliveryFilters:
    """What a delivery must have; an empty value asks nothing."""

    states: tuple[str, ...] = ()
    destination: Destination | None = None
    study_instance_uid: str = ""
    patient_id: str = ""


def list_deliveries(filters: DeliveryFilters) -> QuerySet[Delivery]:
    """Deliveries that satisfy all filters, newest first."""
    deliveries = Delivery.objects.all()
    if len(filters.states) == 1:
        deliveries = deliveries.filter(state=filters.states[0])
    elif filters.states:
        # Said the other way round, the newest are read in the order of the key until a page is full; with IN, SQLite
        # takes the index by state and sorts all that it finds.
        deliveries = deliveries.exclude(state__in=set(DeliveryState) - set(filters.states))
    if filters.destination:
        deliveries = deliveries.filter(destination=filters.destination)
    if filters.study_instance_uid:
        deliveries = deliveries.filter(instance__series__study__study_instance_uid=filters.study_instance_uid.strip())
    if filters.patient_id:
        deliveries = deliveries.filter(instance__series__study__patient_id__iexact=filters.patient_id.strip())
    return deliveries


def with_what_a_list_shows(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Deliveries with study, destination and rule; a page's worth of each is cheaper than a join over the ledger."""
    return deliveries.prefetch_related("instance__series__study", "destination", "rule_version__rule")


def counts_by_tab(filters: DeliveryFilters) -> dict[str, int]:
    """How many deliveries each tab has under these filters; their states are not looked at."""
    by_state: dict[str, int] = dict(
        list_deliveries(DeliveryFilters((), filters.destination, filters.study_instance_uid, filters.patient_id))
        .order_by()
        .values_list("state")
        .annotate(count=Count("pk"))
    )
    return {tab: sum(by_state.get(state, 0) for state in states) for tab, states in STATES_BY_TAB.items()}


@dataclass(frozen=True)
class Lane:
    """One destination's lane as the dashboard shows it."""

    destination: Destination
    waiting: int
    sending: int
    failed: int
    delivered_last_day: int
    oldest_waiting_at: datetime | None

    @property
    def state(self) -> str:
        """``off``, ``paused`` after failures to connect, or ``up``."""
        if not self.destination.is_enabled:
            return "off"
        until = self.destination.paused_until
        return "paused" if until is not None and until > timezone.now() else "up"


def lanes() -> list[Lane]:
    """All destinations with the figures of their lanes, in three queries."""
    # Apart from what is delivered, which is nearly everything: the index by state finds the few that are not.
    unfinished: dict[int, Any] = {
        row["destination"]: row
        for row in Delivery.objects.filter(state__in=[DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.DEAD])
        .order_by()
        .values("destination")
        .annotate(
            waiting=Count("pk", filter=Q(state=DeliveryState.PENDING)),
            sending=Count("pk", filter=Q(state=DeliveryState.SENDING)),
            failed=Count("pk", filter=Q(state=DeliveryState.DEAD)),
            oldest=Min("queued_at", filter=Q(state=DeliveryState.PENDING)),
        )
    }
    delivered = dict(
        Delivery.objects.filter(delivered_at__gte=timezone.now() - timedelta(days=1))
        .order_by()
        .values_list("destination")
        .annotate(count=Count("pk"))
    )
    none = {"waiting": 0, "sending": 0, "failed": 0, "oldest": None}
    found = []
    for destination in Destination.objects.all():
        row = unfinished.get(destination.pk, none)
        found.append(
            Lane(
                destination=destination,
                waiting=row["waiting"],
                sending=row["sending"],
                failed=row["failed"],
                delivered_last_day=delivered.get(destination.pk, 0),
                oldest_waiting_at=row["oldest"],
            )
        )
    return found


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
