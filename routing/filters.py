"""Which deliveries: by state, destination, study, source, words of the error; for pages, API and commands alike."""

from dataclasses import dataclass, replace
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from routing.models import Delivery, DeliveryState, Destination, Rule
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
MAXIMUM_REASONS = 20


@dataclass(frozen=True)
class DeliveryFilters:
    """What a delivery must have; an empty value asks nothing."""

    states: tuple[str, ...] = ()
    destination: Destination | None = None
    rule: Rule | None = None
    priority: int | None = None
    study_instance_uid: str = ""
    sop_instance_uid: str = ""
    patient_id: str = ""
    ae_title: str = ""
    error: str = ""


def list_deliveries(filters: DeliveryFilters) -> QuerySet[Delivery]:
    """Deliveries that satisfy all filters, newest first."""
    deliveries = _with_states(Delivery.objects.all(), filters.states)
    wanted = {
        "destination": filters.destination,
        "rule_version__rule": filters.rule,
        "priority": filters.priority,
        "instance__series__study__study_instance_uid": filters.study_instance_uid.strip(),
        "instance__sop_instance_uid": filters.sop_instance_uid.strip(),
        "instance__series__study__patient_id__iexact": filters.patient_id.strip(),
        "last_error__icontains": filters.error.strip(),
    }
    deliveries = deliveries.filter(**{lookup: value for lookup, value in wanted.items() if value})
    return with_ae_title(deliveries, filters.ae_title.strip())


def counts_by_tab(filters: DeliveryFilters) -> dict[str, int]:
    """How many deliveries each tab has under these filters; their states are not looked at."""
    by_state: dict[str, int] = dict(
        list_deliveries(replace(filters, states=())).order_by().values_list("state").annotate(count=Count("pk"))
    )
    return {tab: sum(by_state.get(state, 0) for state in states) for tab, states in STATES_BY_TAB.items()}


@dataclass(frozen=True)
class Reason:
    """Why deliveries of one destination failed, and how many they are."""

    destination: int
    destination_name: str
    error: str
    count: int


def reasons(filters: DeliveryFilters) -> list[Reason]:
    """The commonest reasons of what has failed under these filters."""
    failed = list_deliveries(replace(filters, states=STATES_BY_TAB["failed"])).order_by()
    rows = failed.values_list("destination", "destination__name", "last_error").annotate(count=Count("pk"))
    return [Reason(*row) for row in rows.order_by("-count", "destination__name", "last_error")[:MAXIMUM_REASONS]]


def with_ae_title(deliveries: QuerySet[Delivery], ae_title: str) -> QuerySet[Delivery]:
    """Those that came from this AE title, and those that go to it."""
    if not ae_title:
        return deliveries
    # The few destinations are looked up first: an OR over two tables reads the whole ledger twice.
    called = list(Destination.objects.filter(ae_title__iexact=ae_title).values_list("pk", flat=True))
    return deliveries.filter(Q(calling_ae_title__iexact=ae_title) | Q(destination__in=called))


def studies_by_deliveries(studies: QuerySet[Study], tab: str) -> QuerySet[Study]:
    """Studies some delivery of which is waiting (or being sent) or has failed; or all that there are were delivered.

    Asked from the side of the few deliveries that are not done, by the index of states: what it costs grows with them,
    not with the ledger.
    """
    if tab != "delivered":
        states = STATES_BY_TAB[tab] + (STATES_BY_TAB["sending"] if tab == "waiting" else ())
        return studies.filter(pk__in=_studies_in(states))
    done = Delivery.objects.filter(instance__series__study=OuterRef("pk"), state__in=STATES_BY_TAB["delivered"])
    unfinished = STATES_BY_TAB["waiting"] + STATES_BY_TAB["sending"] + STATES_BY_TAB["failed"]
    return studies.filter(Exists(done.order_by())).exclude(pk__in=_studies_in(unfinished))


def _studies_in(states: tuple[str, ...]) -> QuerySet[Delivery, Any]:
    return Delivery.objects.filter(state__in=states).order_by().values_list("instance__series__study", flat=True)


def _with_states(deliveries: QuerySet[Delivery], states: tuple[str, ...]) -> QuerySet[Delivery]:
    if not states:
        return deliveries
    if len(states) == 1:
        return deliveries.filter(state=states[0])
    # Said the other way round, the newest are read in the order of the key until a page is full; with IN, SQLite takes
    # the index by state and sorts all that it finds.
    return deliveries.exclude(state__in=set(DeliveryState) - set(states))
