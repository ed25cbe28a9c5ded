"""The app of routing."""

from django.apps import AppConfig


class RoutingConfig(AppConfig):
    """Destinations, rules and the ledger of deliveries."""

    name = "routing"
    verbose_name = "Routing"
