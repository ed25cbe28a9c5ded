"""The app of storage tiers."""

from django.apps import AppConfig


class TieringConfig(AppConfig):
    """Hot, cold and archive storage."""

    name = "tiering"
    verbose_name = "Storage tiers"
