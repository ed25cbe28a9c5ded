"""Webhooks in Django admin, to look at: the portal's pages and the API change them."""

from django.contrib import admin

from gateway.webhooks.models import Webhook, WebhookDelivery, WebhookEvent
from studies.admin import ReadOnlyAdmin


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    """Who is told of what."""

    list_display = ["name", "url", "is_enabled", "includes_patient", "last_success_at", "last_error"]
    exclude = ["secret", "former_secret", "lane_token"]


@admin.register(WebhookEvent)
class WebhookEventAdmin(ReadOnlyAdmin):
    """What is about to be told."""

    list_display = ["at", "kind", "group"]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """What was told, or is."""

    list_display = ["message_id", "webhook", "event", "state", "attempts", "created_at", "last_status", "last_error"]
    list_filter = ["state", "event", "webhook"]
    list_select_related = ["webhook"]
