"""Rows about hosts and processes that nobody needs any more."""

from datetime import timedelta

from django.db.models.functions import Now

from gateway.nodes.models import Node, Process, SystemEvent

KEPT = timedelta(days=1)
MOST_EVENTS = 10_000


def clear() -> None:
    """Remove processes that were not seen for a day, hosts without any, and the oldest events of too many."""
    Process.objects.filter(seen_at__lt=Now() - KEPT).delete()
    Node.objects.filter(processes=None, seen_at__lt=Now() - KEPT).delete()
    first_too_many = SystemEvent.objects.values_list("at", flat=True)[MOST_EVENTS : MOST_EVENTS + 1].first()
    if first_too_many is not None:
        SystemEvent.objects.filter(at__lte=first_too_many).delete()
