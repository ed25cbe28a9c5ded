"""Decision, Discard and ShadowMatch: what rules said besides deliveries."""

from django.db import models
from django.utils import timezone

from routing.models.rules import RuleVersion
from studies.models import Instance, Series
from studies.sight import SeenManager, of_study


class Decision(models.Model):
    """What a rule of a series or a study decided on, and how much of it was there then.

    A late instance opens the study again: what came since ``instance_count`` is decided on when it is complete again.
    """

    rule_version = models.ForeignKey(RuleVersion, on_delete=models.CASCADE, related_name="decisions")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="decisions")
    decided_at = models.DateTimeField(default=timezone.now)
    matched = models.BooleanField()
    instance_count = models.PositiveIntegerField()

    objects = SeenManager()
    seen_by = of_study("series__study")

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["rule_version", "series"], name="decision_once_per_series")]

    def __str__(self) -> str:
        return f"{self.rule_version_id}: {self.series_id}"


class Discard(models.Model):
    """An instance that a rule said goes nowhere, and why. It stays stored. Holds no patient data."""

    instance = models.OneToOneField(Instance, on_delete=models.CASCADE, related_name="discard")
    rule_version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="discards")
    reason = models.CharField(max_length=200)
    at = models.DateTimeField(default=timezone.now)

    objects = SeenManager()
    seen_by = of_study("instance__series__study")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.instance_id}: {self.reason}"


class ShadowMatch(models.Model):
    """What a rule in shadow would have taken, so that its effect is seen before it acts."""

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="shadow_matches")
    rule_version = models.ForeignKey(RuleVersion, on_delete=models.CASCADE, related_name="shadow_matches")
    at = models.DateTimeField(default=timezone.now)

    objects = SeenManager()
    seen_by = of_study("instance__series__study")

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["instance", "rule_version"], name="shadow_match_once")]

    def __str__(self) -> str:
        return f"{self.rule_version_id}: {self.instance_id}"
