"""Remove messages that are kept no longer."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from gateway.webhooks.models import DeliveryState, WebhookDelivery

AT_ONCE = 1_000  # so that no other writer waits long


def forget_old() -> int:
    """Those that were delivered or have failed, after GANTRY_WEBHOOK_KEEP_DAYS; returns how many."""
    before = timezone.now() - timedelta(days=settings.GANTRY.webhook_keep_days)
    old = WebhookDelivery.objects.filter(created_at__lt=before).exclude(state=DeliveryState.PENDING)
    count = 0
    while pks := list(old.order_by("created_at").values_list("pk", flat=True)[:AT_ONCE]):
        count += WebhookDelivery.objects.filter(pk__in=pks).delete()[0]
    return count
