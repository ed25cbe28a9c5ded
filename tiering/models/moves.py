"""Move: a study on its way to another tier; TierChange: what its moves came to."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from studies.models import Study, Tier
from studies.sight import SeenManager, of_study
from tiering.models.locations import Location
from tiering.models.policies import Policy


class MoveState(models.TextChoices):
    """The step that comes next, and the ends."""

    WAITING = "waiting", gettext_lazy("Waiting")
    COPYING = (
        "copying",
        gettext_lazy("Copying"),
    )  # packs are written and read back, or files are brought back and hashed
    SWITCHED = "switched", gettext_lazy("Switched")  # read from the new tier; the old files are still there
    DONE = "done", gettext_lazy("Done")
    FAILED = "failed", gettext_lazy("Failed")
    CANCELLED = "cancelled", gettext_lazy("Cancelled")


class Reason(models.TextChoices):
    """Why a move was asked for; what was brought back by reading or by a rule goes again by itself (tiering.let_go)."""

    PERSON = "person", gettext_lazy("Somebody asked for it")  # on a page, or by the API
    READING = "reading", gettext_lazy("Somebody read the study")
    RULE = "rule", gettext_lazy("A rule says so")
    POLICY = "policy", gettext_lazy("A policy says so")
    LATE = "late", gettext_lazy("Instances came in late")
    CACHE = "cache", gettext_lazy("It had been brought back, and was not read for a while")


OPEN = (MoveState.WAITING, MoveState.COPYING, MoveState.SWITCHED)


class Move(models.Model):
    """One study to one tier. Holds no patient data."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="moves")
    to_tier = models.CharField(max_length=8, choices=Tier)
    state = models.CharField(max_length=9, choices=MoveState, default=MoveState.WAITING)
    policy = models.ForeignKey(Policy, on_delete=models.SET_NULL, null=True, blank=True, related_name="moves")
    requested_by = models.CharField(
        max_length=150, help_text=gettext_lazy("A user, an API key, a policy, or who asked to read.")
    )
    reason = models.CharField(max_length=8, choices=Reason, default=Reason.PERSON)
    priority = models.PositiveSmallIntegerField(
        default=5, help_text=gettext_lazy("Lower goes first: recalls before policies.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    switched_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    total_bytes = models.PositiveBigIntegerField(default=0)
    done_bytes = models.PositiveBigIntegerField(default=0)
    restore_asked_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=gettext_lazy("When an S3 service was asked to bring it back from cold storage."),
    )
    last_error = models.CharField(max_length=400, blank=True)
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    objects = SeenManager()
    seen_by = of_study("study")

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["study"], name="move_one_open", condition=Q(state__in=OPEN))]
        indexes = [
            models.Index(
                fields=["priority", "next_attempt_at"], name="move_due", condition=Q(state__in=OPEN)
            ),  # what to do next
            models.Index(fields=["-finished_at"], name="move_finished"),  # history
            models.Index(
                fields=["-finished_at"], name="move_recalled", condition=Q(state="done", to_tier="hot")
            ),  # how long recalls take, and what was brought back to be read
        ]

    def __str__(self) -> str:
        return f"{self.study_id} to {self.to_tier}"


class LocationSlot(models.Model):
    """One of a location's ``max_parallel`` places for a move that reads or writes there.

    It is taken as long as the move has the lease that it took the place under; nothing has to give it back.
    """

    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="slots")
    number = models.PositiveSmallIntegerField()
    move = models.ForeignKey(Move, on_delete=models.CASCADE, related_name="slots")
    lease_token = models.CharField(max_length=32, help_text=gettext_lazy("Of the move, when it took the place."))

    class Meta:
        ordering = ["location", "number"]
        constraints = [models.UniqueConstraint(fields=["location", "number"], name="slot_once_in_location")]

    def __str__(self) -> str:
        return f"{self.location_id}, {self.number}"


class TierChange(models.Model):
    """A study is read from another tier since then; stays as the record of it. Holds no patient data."""

    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="tier_changes")
    from_tier = models.CharField(max_length=8, choices=Tier)
    to_tier = models.CharField(max_length=8, choices=Tier)
    at = models.DateTimeField(default=timezone.now)
    requested_by = models.CharField(max_length=150)
    policy_name = models.CharField(max_length=64, blank=True)

    objects = SeenManager()
    seen_by = of_study("study")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.study_id}: {self.from_tier} to {self.to_tier}"
