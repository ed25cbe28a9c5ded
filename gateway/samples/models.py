"""SampleStudy: a test study that somebody asked for, and how far it has come."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class SampleState(models.TextChoices):
    """Where it stands."""

    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Not sent")


class SampleStudy(models.Model):
    """One for each person: the latest that he asked for. Holds no patient data, for its patient does not exist."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sample_studies")
    seed = models.BigIntegerField(help_text="Its UIDs and pixels follow from it.")
    study_instance_uid = models.CharField("Study Instance UID", max_length=64)
    instances = models.PositiveSmallIntegerField(help_text="How many it has.")
    sent = models.PositiveSmallIntegerField(default=0, help_text="How many the listener has taken.")
    state = models.CharField(max_length=8, choices=SampleState, default=SampleState.SENDING)
    words = models.CharField(max_length=400, blank=True, help_text="Why it was not sent.")
    created_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False, help_text="How long a worker has it.")

    class Meta:
        verbose_name = "test study"
        verbose_name_plural = "test studies"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(state="sending"), name="one_test_study_at_a_time"),
        ]

    def __str__(self) -> str:
        return self.study_instance_uid
