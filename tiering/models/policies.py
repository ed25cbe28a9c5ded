"""Policy: which studies go to another tier by themselves."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from studies.models import Tier
from tiering.conditions import BadConditions, parse_conditions


def validate_conditions(value: Any) -> None:
    """Django validator for the JSON of a policy's conditions."""
    try:
        parse_conditions(value)
    except BadConditions as error:
        raise ValidationError(str(error)) from error


class Policy(models.Model):
    """Studies of one tier that meet all conditions go to another. Holds no patient data."""

    name = models.CharField(max_length=64, unique=True)
    is_enabled = models.BooleanField(
        "enabled", default=False, help_text=_("Off: it moves nothing; what it would move can be looked at.")
    )
    from_tier = models.CharField(max_length=8, choices=Tier, default=Tier.HOT)
    to_tier = models.CharField(max_length=8, choices=Tier, default=Tier.COLD)
    conditions = models.JSONField(
        default=dict, blank=True, validators=[validate_conditions], help_text=_("All must hold; none: every study.")
    )
    runs_from = models.TimeField(
        null=True, blank=True, help_text=_("Asks for moves from this time of day on; local time, may pass midnight.")
    )
    runs_until = models.TimeField(null=True, blank=True, help_text=_("Asks for none from this time of day on."))
    at_once = models.PositiveIntegerField(
        default=500,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text=_("At most so many of its moves are open."),
    )
    is_clearing = models.BooleanField(
        default=False,
        editable=False,
        help_text=_("The hot disk was above its limit and is not below the lower one yet."),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "policies"
        constraints = [
            models.CheckConstraint(condition=~Q(from_tier=F("to_tier")), name="policy_between_two_tiers"),
            models.CheckConstraint(
                condition=Q(runs_from=None, runs_until=None) | Q(runs_from__isnull=False, runs_until__isnull=False),
                name="policy_window_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name
