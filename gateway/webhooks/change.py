"""Change a webhook: make it, save it, give it another secret, try again what has failed."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from dicomnet.audit import Action, Entry, record
from dicomnet.web.addresses import BadAddress, parse_url
from gateway.webhooks import gather
from gateway.webhooks.events import webhooks_due
from gateway.webhooks.kinds import EventKind, in_order
from gateway.webhooks.models import DeliveryState, Webhook, WebhookDelivery
from gateway.webhooks.sign import BOTH_SIGN, new_secret, sealed

# What a person or a program sets; all else is written by those who send.
FIELDS = ("name", "url", "events", "includes_patient", "is_enabled")


def problems_of(values: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the values that are to be saved, by field."""
    found = {}
    try:
        parse_url(values["url"])
    except BadAddress as error:
        found["url"] = str(error)
    unknown = [kind for kind in values["events"] if kind not in EventKind.values]
    if unknown or not values["events"]:
        found["events"] = "Choose at least one of the kinds of events that there are."
    return found


def make(values: Mapping[str, Any]) -> tuple[Webhook, str]:
    """A new webhook, and its secret, which cannot be read again."""
    secret = new_secret()
    with transaction.atomic():
        webhook = Webhook.objects.create(**_ordered(values), secret=sealed(secret))
        gather.begin()
    return webhook, secret


def save(webhook: Webhook, values: Mapping[str, Any]) -> Webhook:
    """Save what was given, and nothing of how it did lately; one that is turned on again is tried at once."""
    with transaction.atomic():
        stored = Webhook.objects.select_for_update().get(pk=webhook.pk)
        was_on, was_at = stored.is_enabled, stored.url
        for name, value in _ordered(values).items():
            setattr(stored, name, value)
        names = [*values]
        if (stored.is_enabled and not was_on) or stored.url != was_at:
            stored.failures_in_a_row, stored.paused_until, stored.last_error = 0, None, ""
            names += ["failures_in_a_row", "paused_until", "last_error"]
        stored.save(update_fields=[*names, "updated_at"])
        if stored.is_enabled:
            gather.begin()
    return stored


def change_secret(webhook: Webhook) -> str:
    """Another secret; for a day the former one signs too."""
    secret = new_secret()
    with transaction.atomic():
        stored = Webhook.objects.select_for_update().get(pk=webhook.pk)
        stored.former_secret, stored.former_until = stored.secret, timezone.now() + BOTH_SIGN
        stored.secret = sealed(secret)
        stored.save(update_fields=["secret", "former_secret", "former_until", "updated_at"])
    return secret


def retry(webhook: Webhook, deliveries: QuerySet[WebhookDelivery]) -> int:
    """Have messages of this webhook that wait or have failed tried at once; returns how many."""
    now = timezone.now()
    with transaction.atomic():
        chosen = deliveries.filter(webhook=webhook, state__in=[DeliveryState.DEAD, DeliveryState.PENDING])
        count = chosen.update(state=DeliveryState.PENDING, queued_at=now, next_attempt_at=now)
        if count:
            Webhook.objects.filter(pk=webhook.pk).update(paused_until=None)
            record(Entry(Action.SENT, subject=f"again to webhook {webhook.name}", number=count))
        transaction.on_commit(lambda: webhooks_due.send(Webhook, pk=webhook.pk))
    return count


def _ordered(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: in_order(value) if name == "events" else value for name, value in values.items()}
