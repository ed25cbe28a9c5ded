"""One time line of a study, read from rows: received, indexed, planned, analysed, delivered, proven, complete, moved.

Everything is summed up in the database, so a study of ten thousand instances costs as many queries as one of ten.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.functions import Coalesce, TruncMinute
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dicomnet.statuses import in_words
from gateway import trace_words as said
from routing.ai.trace import asked, resulted
from routing.conditions import BadCondition, parse_conditions
from routing.models import Delivery, DeliveryState, Discard, ProofKind, ProofRequest, RuleVersion
from routing.proof.models import ProofState
from studies.models import Conflict, Instance, Study
from tiering.trace import moved

BURST_GAP = timedelta(minutes=2)
MAXIMUM_GROUPS = 500
MAXIMUM_DETAIL = 300
# Order of what happened at the same moment.
STAGES = (
    "received",
    "conflict",
    "indexed",
    "planned",
    "ai request",
    "ai result",
    "delivery",
    "proof",
    "completed",
    "move",
)

_STATES = {
    DeliveryState.PENDING: (gettext_lazy("{count} waiting for {name}"), "busy"),
    DeliveryState.SENDING: (gettext_lazy("Sending {count} to {name}"), "busy"),
    DeliveryState.DELIVERED: (gettext_lazy("Delivered {count} to {name}"), "ok"),
    DeliveryState.CONFIRMED: (gettext_lazy("Delivered {count} to {name}, storage confirmed"), "ok"),
    DeliveryState.DEAD: (gettext_lazy("Failed to deliver {count} to {name}"), "failed"),
    DeliveryState.CANCELLED: (gettext_lazy("Cancelled {count} to {name}"), ""),
}


@dataclass(frozen=True)
class TraceEvent:
    """What happened, in words for people.

    Attributes:
        at: when it ended, or happened last.
        kind: one of STAGES.
        detail: one more line; empty when there is nothing to add.
        state: ``ok``, ``busy`` while it goes on, ``warning``, ``failed``; empty when it was decided so.
    """

    at: datetime
    kind: str
    words: str
    detail: str
    state: str


def trace(study: Study) -> list[TraceEvent]:
    """All that is known of a study, the oldest first."""
    instances = Instance.objects.filter(series__study=study).order_by()
    deliveries = Delivery.objects.filter(instance__series__study=study).order_by()
    events = [
        *_received(instances),
        *_indexed(instances),
        *_conflicts(study),
        *_planned(deliveries),
        *_discarded(study),
        *_delivered(deliveries),
        *_proven(study),
        *(TraceEvent(event.at, "ai request", event.words, event.detail, event.state) for event in asked(study)),
        *(TraceEvent(event.at, "ai result", event.words, event.detail, event.state) for event in resulted(study)),
        *_completed(study),
        *(TraceEvent(event.at, "move", event.words, event.detail, event.state) for event in moved(study)),
    ]
    return sorted(events, key=lambda event: (event.at, STAGES.index(event.kind)))


def _received(instances: QuerySet[Instance]) -> Iterator[TraceEvent]:
    """One event for each burst: minutes in which the same device sent, without a pause between them."""
    minutes = (
        instances.annotate(minute=TruncMinute("received_at"))
        .values("calling_ae_title", "source_address", "minute")
        .annotate(count=Count("pk"), first=Min("received_at"), last=Max("received_at"))
        .order_by("calling_ae_title", "source_address", "minute")[:MAXIMUM_GROUPS]
    )
    burst: dict[str, Any] | None = None
    for row in minutes:
        if burst is not None and _sender(burst) == _sender(row) and row["first"] - burst["last"] < BURST_GAP:
            burst |= {"count": burst["count"] + row["count"], "last": row["last"]}
            continue
        if burst is not None:
            yield _burst(burst)
        burst = dict(row)
    if burst is not None:
        yield _burst(burst)


def _sender(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["calling_ae_title"], row["source_address"]


def _burst(row: Mapping[str, Any]) -> TraceEvent:
    title, address = _sender(row)
    words = _("Received %(instances)s from %(sender)s") % {
        "instances": said.instances(row["count"]),
        "sender": said.sender(title),
    }
    detail = ", ".join(
        filter(
            None,
            [_("from %(address)s") % {"address": address} if address else "", said.span(row["first"], row["last"])],
        )
    )
    return TraceEvent(row["last"], "received", words, detail, "ok")


def _indexed(instances: QuerySet[Instance]) -> Iterator[TraceEvent]:
    found = instances.aggregate(
        count=Count("pk"),
        series=Count("series", distinct=True),
        last=Max("indexed_at"),
        unplanned=Count("pk", filter=Q(planned_at=None)),
    )
    if found["last"] is None:
        return
    series = ngettext("%(number)d series", "%(number)d series", found["series"]) % {"number": found["series"]}
    words = _("Indexed %(instances)s") % {"instances": said.instances(found["count"])}
    yield TraceEvent(found["last"], "indexed", words, series, "ok")
    if found["unplanned"]:
        words = _("%(instances)s not yet judged by the rules") % {"instances": said.instances(found["unplanned"])}
        yield TraceEvent(found["last"], "planned", words, "", "busy")
    unmatched = instances.filter(planned_at__isnull=False, deliveries=None, discard=None).aggregate(
        count=Count("pk"), last=Max("planned_at")
    )
    if unmatched["count"]:
        words = _("No rule matched %(instances)s") % {"instances": said.instances(unmatched["count"])}
        yield TraceEvent(unmatched["last"], "planned", words, "", "")


def _conflicts(study: Study) -> Iterator[TraceEvent]:
    rows = (
        Conflict.objects.filter(instance__series__study=study)
        .order_by()
        .values("other__calling_ae_title")
        .annotate(count=Count("pk"), last=Max("received_at"), unseen=Count("pk", filter=Q(resolved_at=None)))
    )
    for row in rows[:MAXIMUM_GROUPS]:
        count, title = said.instances(row["count"]), row["other__calling_ae_title"]
        again = _("%(instances)s came again with other content from %(sender)s")
        words = again % {"instances": count, "sender": said.sender(title)}
        detail = _("Both are kept; %(number)d not marked as seen.") % {"number": row["unseen"]}
        yield TraceEvent(row["last"], "conflict", words, detail, "warning" if row["unseen"] else "ok")


def _planned(deliveries: QuerySet[Delivery]) -> Iterator[TraceEvent]:
    """One event for each version of a rule that sent something, and for each person or AI pool that had it sent."""
    rows = (
        deliveries.values("rule_version", "made_by", "destination__name")
        .annotate(count=Count("instance", distinct=True), last=Max("created_at"))
        .order_by("rule_version", "made_by", "destination__name")[:MAXIMUM_GROUPS]
    )
    groups: dict[tuple[int | None, str], list[dict[str, Any]]] = {}
    for row in rows:
        made_by = "" if row["rule_version"] else row["made_by"]
        groups.setdefault((row["rule_version"], made_by), []).append({**row})
    versions = RuleVersion.objects.in_bulk([pk for pk, _ in groups if pk is not None])
    for (pk, made_by), found in groups.items():
        last, count = max(row["last"] for row in found), said.instances(max(row["count"] for row in found))
        names = ", ".join(dict.fromkeys(row["destination__name"] for row in found))
        if pk is None:
            words = _("%(who)s had %(instances)s sent") % {"who": made_by, "instances": count}
            detail = _("to %(destinations)s, whatever rules say") % {"destinations": names}
            yield TraceEvent(last, "planned", words, detail, "ok")
        else:
            words = _("%(rule)s matched %(instances)s") % {"rule": _rule(versions[pk]), "instances": count}
            yield TraceEvent(last, "planned", words, _why(versions[pk], names), "ok")


def _rule(version: RuleVersion) -> str:
    return said.version(version.definition.get("name", ""), version.number)


def _why(version: RuleVersion, destinations: str) -> str:
    goes = _("to %(destinations)s") % {"destinations": destinations}
    try:
        conditions = _(" and ").join(map(str, parse_conditions(version.definition.get("conditions", []))))
    except BadCondition:  # of an old version, in a form that is no longer known
        return goes[:MAXIMUM_DETAIL]
    because = _("because %(conditions)s") % {"conditions": conditions} if conditions else _("it takes every instance")
    return f"{goes}; {because}"[:MAXIMUM_DETAIL]


def _discarded(study: Study) -> Iterator[TraceEvent]:
    """What a rule said goes nowhere, and why."""
    rows = (
        Discard.objects.filter(instance__series__study=study)
        .order_by()
        .values("reason", "rule_version__number", "rule_version__rule__name")
        .annotate(count=Count("pk"), last=Max("at"))
    )
    for row in rows[:MAXIMUM_GROUPS]:
        rule = said.version(row["rule_version__rule__name"], row["rule_version__number"])
        words = _("%(rule)s discarded %(instances)s") % {"rule": rule, "instances": said.instances(row["count"])}
        yield TraceEvent(row["last"], "planned", words, row["reason"], "")


def _delivered(deliveries: QuerySet[Delivery]) -> Iterator[TraceEvent]:
    rows = (
        deliveries.values("destination__name", "state", "last_status", "last_error")
        .annotate(
            count=Count("pk"),
            first=Min("delivered_at"),
            last=Max(Coalesce("delivered_at", "last_attempt_at", "queued_at")),
            next=Min("next_attempt_at"),
        )
        .order_by("-count")
    )
    for row in rows[:MAXIMUM_GROUPS]:
        yield _delivery(row)


def _delivery(row: Mapping[str, Any]) -> TraceEvent:
    template, colour = _STATES[DeliveryState(row["state"])]
    words = str(template).format(count=said.instances(row["count"]), name=row["destination__name"])
    when = ""
    if row["state"] == DeliveryState.PENDING:
        when = _("next attempt %(moment)s") % {"moment": said.moment(row["next"])}
    elif row["first"] is not None:
        when = said.span(row["first"], row["last"])
    error = row["last_error"]
    status = in_words(row["last_status"]) if row["last_status"] else ""
    detail = "; ".join(filter(None, [when, error, "" if status in error else status]))
    return TraceEvent(row["last"], "delivery", words, detail, colour)


def _proven(study: Study) -> Iterator[TraceEvent]:
    """What destinations said when they were asked whether they keep it."""
    requests = ProofRequest.objects.filter(study=study).select_related("destination").order_by("-pk")[:MAXIMUM_GROUPS]
    for request in requests:
        yield _proof(request)


def _proof(request: ProofRequest) -> TraceEvent:
    name = request.destination.name
    how = _("by Storage Commitment") if request.kind == ProofKind.COMMITMENT else _("by a query")
    at = request.answered_at or request.asked_at or request.due_at
    match request.state:
        case ProofState.PROVEN:
            words = _("%(name)s proved that it keeps %(instances)s") % {
                "name": name,
                "instances": said.instances(request.proven),
            }
            return TraceEvent(at, "proof", words, how, "ok")
        case ProofState.GAPS:
            words = _("%(name)s keeps %(instances)s and lacks %(missing)d: sent again") % {
                "name": name,
                "instances": said.instances(request.proven),
                "missing": request.missing,
            }
            return TraceEvent(at, "proof", words, how, "warning")
        case ProofState.FAILED:
            words = _("%(name)s did not prove what it keeps") % {"name": name}
            return TraceEvent(at, "proof", words, request.last_error, "failed")
        case ProofState.ASKED:
            asked_whether = _("Asked %(name)s whether it keeps %(instances)s")
            words = asked_whether % {"name": name, "instances": said.instances(request.expected)}
            return TraceEvent(at, "proof", words, _("%(how)s, waiting for its report") % {"how": how}, "busy")
    detail = request.last_error or f"{how}, {said.moment(request.due_at)}"
    return TraceEvent(at, "proof", _("%(name)s is to be asked what it keeps") % {"name": name}, detail, "busy")


def _completed(study: Study) -> Iterator[TraceEvent]:
    if study.completed_at is not None:
        words = _("Complete with %(instances)s") % {
            "instances": said.instances(study.number_of_study_related_instances)
        }
        yield TraceEvent(study.completed_at, "completed", words, _("no more came for a while"), "ok")
