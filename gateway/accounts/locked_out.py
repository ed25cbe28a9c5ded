"""That somebody was locked out, among the events of the system."""

from django.conf import settings

from gateway.nodes.models import EventKind
from gateway.nodes.outbox import Outbox

SUBJECT = "sign-in"


def tell_of(words: str) -> None:
    """Note it. Never with the name: people type their password into the wrong field."""
    Outbox(settings.GANTRY.run_dir).note(EventKind.LOCKED_OUT, SUBJECT, words)
