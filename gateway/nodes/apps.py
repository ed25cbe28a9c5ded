"""The app of hosts and processes."""

from django.apps import AppConfig


class NodesConfig(AppConfig):
    """Heartbeats and events of the system."""

    name = "gateway.nodes"
    label = "nodes"
    verbose_name = "Hosts and processes"
