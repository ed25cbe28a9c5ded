"""Make a message of each event for each webhook that wants to be told of it."""

from collections.abc import Iterable, Iterator

from django.db import transaction

from gateway.webhooks.bodies import body_of, patient_of
from gateway.webhooks.models import Webhook, WebhookDelivery, WebhookEvent
from studies.models import Study

AT_ONCE = 500  # events


def spread() -> None:
    """Turn all events that wait into messages."""
    while WebhookEvent.objects.exists() and _spread_some() == AT_ONCE:
        pass


def _spread_some() -> int:
    with transaction.atomic():
        # Of two that spread at once the second waits here, and finds these gone.
        events = list(WebhookEvent.objects.select_for_update().order_by("pk")[:AT_ONCE])
        webhooks = list(Webhook.objects.filter(is_enabled=True))
        WebhookDelivery.objects.bulk_create(_messages(as_one(events), webhooks))
        WebhookEvent.objects.filter(pk__in=[event.pk for event in events]).delete()
    return len(events)


def as_one(events: Iterable[WebhookEvent]) -> list[WebhookEvent]:
    """Those of one group as the latest of them: a study of a thousand instances that fails is told once."""
    found: dict[tuple[str, str], WebhookEvent] = {}
    for event in events:
        key = (event.kind, event.group or f"#{event.pk}")
        before = found.pop(key, None)
        if before is not None:
            event.data["number_of_instances"] += before.data["number_of_instances"]
        found[key] = event
    return list(found.values())


def _messages(events: list[WebhookEvent], webhooks: list[Webhook]) -> Iterator[WebhookDelivery]:
    uids = {event.study_instance_uid for event in events if event.study_instance_uid}
    may_name = any(webhook.includes_patient for webhook in webhooks)
    studies = {study.study_instance_uid: study for study in _studies(uids)} if may_name else {}
    for event in events:
        for webhook in webhooks:
            # What happened before somebody wanted to be told is not told.
            if event.kind not in webhook.events or event.at < webhook.created_at:
                continue
            study = studies.get(event.study_instance_uid) if webhook.includes_patient else None
            data = event.data | (patient_of(study) if study else {})
            yield WebhookDelivery(
                webhook=webhook,
                event=event.kind,
                study_instance_uid=event.study_instance_uid,
                patient_id=study.patient_id if study else "",
                body=body_of(event.kind, event.at, data),
            )


def _studies(uids: set[str]) -> Iterable[Study]:
    return Study.objects.filter(study_instance_uid__in=uids)
