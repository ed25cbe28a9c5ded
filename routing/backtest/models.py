"""BackTest and BackTestStudy: a draft judged on stored history, with its progress and what it would have matched."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from studies.models import Study
from studies.sight import SeenManager, of_study


class BackTestState(models.TextChoices):
    """Where a back-test stands."""

    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class BackTest(models.Model):
    """One draft over the studies received in the last days. Holds no patient data itself.

    Attributes of the draft are those of ``RuleVersion.definition``. A worker goes through the studies in the order of
    their keys and keeps the last one it has seen, so another may go on where it was lost.
    """

    rule = models.ForeignKey("routing.Rule", null=True, blank=True, on_delete=models.CASCADE, related_name="back_tests")
    draft = models.JSONField()
    days = models.PositiveIntegerField()
    since = models.DateTimeField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    state = models.CharField(max_length=10, choices=BackTestState, default=BackTestState.QUEUED)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.CharField(max_length=32, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    after_study = models.BigIntegerField(default=0, help_text=_("Key of the last study that was judged."))
    total = models.PositiveIntegerField(default=0)
    judged = models.PositiveIntegerField(default=0)
    matched = models.PositiveIntegerField(default=0)
    differing = models.PositiveIntegerField(default=0, help_text=_("Studies on which draft and live version differ."))
    unreadable = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.pk}: {self.state}"


class BackTestStudy(models.Model):
    """A study that the draft or the live version matches. Holds no patient data itself."""

    back_test = models.ForeignKey(BackTest, on_delete=models.CASCADE, related_name="studies")
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="+")
    by_draft = models.BooleanField()
    by_live = models.BooleanField()
    instance_count = models.PositiveIntegerField()

    objects = SeenManager()
    seen_by = of_study("study")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["back_test", "study"], name="back_test_study_once")]

    def __str__(self) -> str:
        return f"{self.back_test_id}: {self.study_id}"
