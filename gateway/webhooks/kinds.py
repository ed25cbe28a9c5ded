"""The kinds of events that a webhook can be told of; docs/webhooks.md shows the body of each."""

from collections.abc import Collection

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class EventKind(TextChoices):
    """What can happen; the value stands in the body as ``type``."""

    STUDY_COMPLETED = "study.completed", _("A study is complete")
    STUDY_DELETED = "study.deleted", _("A study, or a part of it, was deleted")
    STUDY_MOVED = "study.moved", _("A study is read from another tier")
    DELIVERY_DEAD = "delivery.dead", _("Deliveries failed for good")
    DESTINATION_STOPPED = "destination.stopped", _("A destination does not answer")
    DESTINATION_RESUMED = "destination.resumed", _("A destination answers again")
    AI_RESULT_JUDGED = "ai_result.judged", _("A result of an AI worker came in")
    ALERT_RAISED = "alert.raised", _("A process ended, or a service went down")
    ALERT_CLEARED = "alert.cleared", _("A service came back")


TEST = "webhook.test"  # sent by hand only; no webhook has to ask for it


def in_order(kinds: Collection[str]) -> list[str]:
    """Each once, in the order of the table."""
    return [kind for kind in EventKind.values if kind in kinds]


def label_of(kind: str) -> str:
    """In words; a kind that is no more as it is."""
    return str(EventKind(kind).label) if kind in EventKind.values else kind
