"""Events that are written in the transaction of what happened: they are there exactly when it is.

None comes from the way of an instance into the archive: what is told of that is read from the change feed
(``gateway.webhooks.gather``). Where nobody wants to be told, each costs one look.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Count

from gateway.nodes.models import EventKind as SystemEventKind
from gateway.nodes.models import SystemEvent
from gateway.webhooks.kinds import EventKind
from gateway.webhooks.models import Webhook, WebhookEvent
from routing.ai.models import AIResult
from routing.models import Delivery

_ALERTS = {
    SystemEventKind.ENDED: EventKind.ALERT_RAISED,
    SystemEventKind.LIGHT_BAD: EventKind.ALERT_RAISED,
    SystemEventKind.LIGHT_OK: EventKind.ALERT_CLEARED,
}


def is_anybody_told() -> bool:
    """Whether there is a webhook that is on."""
    return Webhook.objects.filter(is_enabled=True).exists()


def tell(kind: EventKind, data: dict[str, Any], *, group: str = "", study_instance_uid: str = "") -> WebhookEvent:
    """An event, to be saved.

    Args:
        kind: what happened.
        data: of its body, without patient data; of events of one group ``number_of_instances`` are added up.
        group: empty: it is told alone.
        study_instance_uid: of the study that it is about.
    """
    return WebhookEvent(kind=kind, data=data, group=group, study_instance_uid=study_instance_uid)


def deliveries_died(pks: Collection[int]) -> None:
    """These deliveries are not tried any more."""
    if not is_anybody_told():
        return
    dead = Delivery.objects.filter(pk__in=pks).order_by("pk")
    by_study = dead.values(
        "destination_id",
        "destination__name",
        "instance__series__study__study_instance_uid",
        "last_status",
        "last_error",
    )
    WebhookEvent.objects.bulk_create(_dead(row) for row in by_study.annotate(number=Count("pk")).order_by())


def result_judged(pk: int) -> None:
    """The gate has said what it thinks of a result of an AI worker."""
    if not is_anybody_told():
        return
    result = AIResult.objects.select_related("worker__pool", "instance__series__study").get(pk=pk)
    uid = result.instance.series.study.study_instance_uid
    worker = result.worker
    data = {
        "study_instance_uid": uid,
        "pool": worker.pool.name if worker else None,
        "worker": worker.name if worker else None,
        "request_id": result.request_id,
        "verdict": str(result.verdict),
        "number_of_instances": 1,
    }
    group = f"{uid} {result.worker_id} {result.request_id} {result.verdict}"
    tell(EventKind.AI_RESULT_JUDGED, data, group=group, study_instance_uid=uid).save()


def study_moved(study_instance_uid: str, from_tier: str, to_tier: str, reason: str) -> None:
    """From now on a study is read from another tier."""
    if not is_anybody_told():
        return
    data = {
        "study_instance_uid": study_instance_uid,
        "from_tier": from_tier,
        "to_tier": to_tier,
        "reason": reason,
    }
    tell(EventKind.STUDY_MOVED, data, study_instance_uid=study_instance_uid).save()


def system_events(events: Sequence[SystemEvent]) -> None:
    """Something happened to a host."""
    wanted = [event for event in events if event.kind in _ALERTS]
    if wanted and is_anybody_told():
        WebhookEvent.objects.bulk_create(_alerts(wanted))


def _dead(row: Mapping[str, Any]) -> WebhookEvent:
    uid, destination = row["instance__series__study__study_instance_uid"], row["destination_id"]
    data = {
        "study_instance_uid": uid,
        "destination_id": destination,
        "destination": row["destination__name"],
        "number_of_instances": row["number"],
        "last_status": row["last_status"],
        "last_error": row["last_error"],
    }
    return tell(EventKind.DELIVERY_DEAD, data, group=f"{destination} {uid}", study_instance_uid=uid)


def _alerts(events: Iterable[SystemEvent]) -> Iterable[WebhookEvent]:
    for event in events:
        kind = _ALERTS[SystemEventKind(event.kind)]
        data = {
            "host": event.node,
            "subject": event.subject,
            "happened": str(event.kind),
            "words": event.words,
        }
        told = tell(kind, data)
        told.at = event.at
        yield told
