"""Batch and BatchItem: an action on many studies, and what became of each."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from studies.models import Study
from studies.sight import SeenManager, of_study


class BatchAction(models.TextChoices):
    """What is done with each study; gateway.batches.actions says how."""

    SEND = "send", _("Send to destinations")
    REPLAY = "replay", _("Send again")
    MOVE = "move", _("Move to a tier")
    LABEL = "label", _("Add a label")
    UNLABEL = "unlabel", _("Remove a label")


class BatchState(models.TextChoices):
    """Where a batch stands."""

    DRAFT = "draft", _("To be confirmed")
    RUNNING = "running", _("Under way")
    DONE = "done", _("Done")


class ItemState(models.TextChoices):
    """What became of one study."""

    WAITING = "waiting", _("Waiting")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Not done")


class Batch(models.Model):
    """One action on many studies, by one person. Holds no patient data."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="batches")
    action = models.CharField(max_length=8, choices=BatchAction)
    options = models.JSONField(default=dict, blank=True, help_text="Such as the destinations, by primary key.")
    state = models.CharField(max_length=8, choices=BatchState, default=BatchState.DRAFT)
    matched = models.PositiveIntegerField(default=0, help_text="How many studies were asked for; a batch is bounded.")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False, help_text="How long a worker has it.")

    class Meta:
        verbose_name_plural = "batches"
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["id"], name="batch_running", condition=Q(state="running")),  # what is to be done
        ]

    def __str__(self) -> str:
        return f"{self.pk}: {self.action}"


class BatchItem(models.Model):
    """One study of a batch. Holds no patient data."""

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="items")
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="batch_items")
    state = models.CharField(max_length=8, choices=ItemState, default=ItemState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    words = models.CharField(max_length=400, blank=True, help_text="What came of it.")

    objects = SeenManager()
    seen_by = of_study("study")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["batch", "study"], name="batch_item_once")]
        indexes = [
            models.Index(fields=["batch", "state"], name="batch_item_by_state"),  # what is to be done, and counts
        ]

    def __str__(self) -> str:
        return f"{self.batch_id}: {self.study_id}"
