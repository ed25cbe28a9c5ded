"""How webhooks do: their states, and how many messages wait or have failed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gateway.webhooks.models import DeliveryState, Webhook, WebhookDelivery


class State(TextChoices):
    """Of a webhook."""

    OK = "ok", _("answers")
    FAILING = "failing", _("fails")
    OFF = "off", _("off")
    UNKNOWN = "unknown", _("not called yet")


@dataclass(frozen=True)
class Standing:
    """A webhook with how it does."""

    webhook: Webhook
    state: State
    waiting: int = 0
    dead: int = 0
    oldest_at: datetime | None = None


def state_of(webhook: Webhook) -> State:
    """As of the last attempt."""
    if not webhook.is_enabled:
        return State.OFF
    if webhook.failures_in_a_row:
        return State.FAILING
    return State.OK if webhook.last_success_at else State.UNKNOWN


def standings(webhooks: Iterable[Webhook]) -> list[Standing]:
    """Of each, by one query more."""
    some = list(webhooks)
    open_ones = WebhookDelivery.objects.filter(webhook__in=some, state__in=[DeliveryState.PENDING, DeliveryState.DEAD])
    rows = open_ones.order_by().values_list("webhook", "state").annotate(count=Count("pk"), oldest=Min("queued_at"))
    found = {(pk, state): (count, oldest) for pk, state, count, oldest in rows}
    nothing = (0, None)
    standing = []
    for webhook in some:
        waiting, oldest_at = found.get((webhook.pk, DeliveryState.PENDING.value), nothing)
        dead, _oldest = found.get((webhook.pk, DeliveryState.DEAD.value), nothing)
        standing.append(Standing(webhook, state_of(webhook), waiting, dead, oldest_at))
    return standing


def oldest_seconds(standing: Standing) -> float:
    """For how long the oldest message waits; 0 when none does."""
    return max((timezone.now() - standing.oldest_at).total_seconds(), 0) if standing.oldest_at else 0


def failing_webhooks() -> int:
    """Webhooks that are on and fail."""
    return Webhook.objects.filter(is_enabled=True, failures_in_a_row__gt=0).count()
