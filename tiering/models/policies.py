"""Policy: which studies go to another tier by themselves."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from studies.models import Tier


class Policy(models.Model):
    """Studies of one tier that meet all conditions go to another. Holds no patient data."""

    name = models.CharField(max_length=64, unique=True)
    is_enabled = models.BooleanField(
        "enabled", default=False, help_text="Off: it moves nothing; what it would move can be looked at."
    )
    from_tier = models.CharField(max_length=8, choices=Tier, default=Tier.HOT)
    to_tier = models.CharField(max_length=8, choices=Tier, default=Tier.COLD)
    conditions = models.JSONField(default=dict, blank=True, help_text="See docs/tiers.md.")
    runs_from = models.TimeField(null=True, blank=True, help_text="Begins moves from this time of day on; local time.")
    runs_until = models.TimeField(null=True, blank=True, help_text="Begins none from this time of day on.")
    at_once = models.PositiveIntegerField(
        default=500,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text="At most so many of its moves are open.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "policies"

    def __str__(self) -> str:
        return self.name
