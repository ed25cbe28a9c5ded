"""The app of federated search."""

from django.apps import AppConfig


class SpannerConfig(AppConfig):
    """One query over many archives."""

    name = "spanner"
    verbose_name = "Federated search"
