"""The app of webhooks."""

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """Who is told of events, and what is on its way."""

    name = "gateway.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"
