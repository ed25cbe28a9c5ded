"""Webhook: who is told of what; WebhookEvent and WebhookDelivery: events on their way; FeedMark: how far was read."""

import secrets

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gateway.webhooks.kinds import label_of
from studies.sight import SeenManager, by_uid

ERROR_LENGTH = 300


def new_message_id() -> str:
    """What a receiver knows a message by that comes twice."""
    return f"msg_{secrets.token_hex(16)}"


class Webhook(models.Model):
    """A system that is told of events, and how it did lately. Holds no patient data."""

    name = models.CharField(max_length=64, unique=True)
    url = models.CharField("URL", max_length=500)
    events = models.JSONField(default=list, help_text="Kinds of events that it is told of.")
    includes_patient = models.BooleanField(
        "patient in the body",
        default=False,
        help_text="Who the patient of a study is stands in the body; off: UIDs only.",
    )
    is_enabled = models.BooleanField("enabled", default=True, help_text="Off: it is told nothing, and nothing waits.")
    # Made by Gantry, encrypted at rest. After a change both sign, so that the receiver has time to take the new one.
    secret = models.CharField(max_length=2000, blank=True, editable=False)
    former_secret = models.CharField(max_length=2000, blank=True, editable=False)
    former_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    # One worker at a time calls it; after failures it is left alone until this moment (gateway.webhooks.send).
    lane_token = models.CharField(max_length=32, blank=True, editable=False)
    lane_until = models.DateTimeField(null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    failures_in_a_row = models.PositiveIntegerField(default=0, editable=False)
    last_success_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_failure_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=ERROR_LENGTH, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class WebhookEvent(models.Model):
    """Something that happened, until it is spread over the webhooks; written with what happened. No patient data."""

    kind = models.CharField(max_length=32)
    group = models.CharField(max_length=120, blank=True, help_text="Events of one kind and group are told as one.")
    study_instance_uid = models.CharField("Study Instance UID", max_length=64, blank=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    objects = SeenManager()
    seen_by = by_uid("study_instance_uid")

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.kind} {self.group}"


class DeliveryState(models.TextChoices):
    """Where a message stands."""

    PENDING = "pending", _("Waiting")
    DELIVERED = "delivered", _("Delivered")
    DEAD = "dead", _("Failed")


class WebhookDelivery(models.Model):
    """One event on its way to one webhook. Its body names the patient where the webhook says so."""

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    message_id = models.CharField(max_length=36, unique=True, default=new_message_id, help_text="The same each time.")
    event = models.CharField(max_length=32)
    study_instance_uid = models.CharField("Study Instance UID", max_length=64, blank=True)
    patient_id = models.CharField("patient ID", max_length=64, blank=True, help_text="Where the body names a patient.")
    body = models.TextField(help_text="As it is sent; what is signed has to stay the same to the byte.")
    state = models.CharField(max_length=9, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)
    queued_at = models.DateTimeField(default=timezone.now, help_text="Since when it is tried; a retry begins anew.")
    next_attempt_at = models.DateTimeField(default=timezone.now)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of HTTP; none: no answer.")
    last_error = models.CharField(max_length=ERROR_LENGTH, blank=True)

    objects = SeenManager()
    seen_by = by_uid("study_instance_uid")

    class Meta:
        verbose_name_plural = "webhook deliveries"
        ordering = ["-pk"]
        indexes = [
            # Whose turn it is.
            models.Index(fields=["webhook", "next_attempt_at", "id"], name="webhook_due", condition=Q(state="pending")),
            models.Index(fields=["webhook", "state", "-id"], name="webhook_by_state"),  # its page, and the counts
            models.Index(fields=["created_at"], name="webhook_old"),  # what is kept no longer
        ]

    def __str__(self) -> str:
        return f"{self.message_id}: {self.state}"

    @property
    def event_in_words(self) -> str:
        """What happened."""
        return label_of(self.event)


class FeedMark(models.Model):
    """How far something was read that others write for all: the change feed, and how destinations do."""

    name = models.CharField(max_length=32, unique=True)
    position = models.BigIntegerField(default=0)
    known = models.JSONField(default=list, help_text="Keys of destinations of which it was told that they stopped.")

    def __str__(self) -> str:
        return f"{self.name}: {self.position}"
