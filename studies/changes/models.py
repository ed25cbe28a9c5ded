"""Change: one event of one study. Rows are written once, and never changed."""

from django.db import models
from django.utils import timezone

from studies.sight import SeenManager, by_uid


class ChangeKind(models.TextChoices):
    """What happened."""

    RECEIVED = "received", "Instances received"
    COMPLETED = "completed", "Complete"
    DELETED = "deleted", "Deleted"


class Change(models.Model):
    """One event of one study. Holds no patient data; the study may be gone.

    The primary key is the place in the feed: whoever has read up to a number has missed nothing before it
    (``studies.changes.record`` says how).
    """

    kind = models.CharField(max_length=16, choices=ChangeKind)
    study_instance_uid = models.CharField("Study Instance UID", max_length=64)
    number_of_instances = models.PositiveIntegerField(
        help_text="Received or deleted by this event; all that the study has, when it is complete."
    )
    at = models.DateTimeField(default=timezone.now)

    objects = SeenManager()
    seen_by = by_uid("study_instance_uid")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.study_instance_uid}"
