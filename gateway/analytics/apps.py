"""The app of the figures."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Counts of what came in and went out."""

    name = "gateway.analytics"
    label = "analytics"
    verbose_name = "Figures"
