"""The app of routing."""

from django.apps import AppConfig
from django.conf import settings


class RoutingConfig(AppConfig):
    """Destinations, rules and the ledger of deliveries."""

    name = "routing"
    verbose_name = "Routing"

    def ready(self) -> None:
        """Where faults are allowed, have the transports disturbed."""
        if settings.GANTRY.faults:
            from routing.faulty import disturb_senders

            disturb_senders()
