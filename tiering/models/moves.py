"""Move: a study on its way to another tier; TierChange: what its moves came to."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from studies.models import Study, Tier
from tiering.models.policies import Policy


class MoveState(models.TextChoices):
    """The step that comes next, and the ends."""

    WAITING = "waiting", "Waiting"
    COPYING = "copying", "Copying"  # packs are written and read back, or files are brought back and hashed
    SWITCHED = "switched", "Switched"  # read from the new tier; the old files are still there
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


OPEN = (MoveState.WAITING, MoveState.COPYING, MoveState.SWITCHED)


class Move(models.Model):
    """One study to one tier. Holds no patient data."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="moves")
    to_tier = models.CharField(max_length=8, choices=Tier)
    state = models.CharField(max_length=9, choices=MoveState, default=MoveState.WAITING)
    policy = models.ForeignKey(Policy, on_delete=models.SET_NULL, null=True, blank=True, related_name="moves")
    requested_by = models.CharField(max_length=150, help_text="A user, an API key, a policy, or who asked to read.")
    priority = models.PositiveSmallIntegerField(default=5, help_text="Lower goes first: recalls before policies.")
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    switched_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    total_bytes = models.PositiveBigIntegerField(default=0)
    done_bytes = models.PositiveBigIntegerField(default=0)
    last_error = models.CharField(max_length=400, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["study"], name="move_one_open", condition=Q(state__in=OPEN))]
        indexes = [
            models.Index(
                fields=["priority", "next_attempt_at"], name="move_due", condition=Q(state__in=OPEN)
            ),  # what to do next
            models.Index(fields=["-finished_at"], name="move_finished"),  # history, and how long recalls take
        ]

    def __str__(self) -> str:
        return f"{self.study_id} to {self.to_tier}"


class TierChange(models.Model):
    """A study is read from another tier since then; stays as the record of it. Holds no patient data."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="tier_changes")
    from_tier = models.CharField(max_length=8, choices=Tier)
    to_tier = models.CharField(max_length=8, choices=Tier)
    at = models.DateTimeField(default=timezone.now)
    requested_by = models.CharField(max_length=150)
    policy_name = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.study_id}: {self.from_tier} to {self.to_tier}"
