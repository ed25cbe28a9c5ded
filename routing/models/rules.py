"""Rule and RuleVersion: what goes where, and each form that this had."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from routing.actions import validate_actions
from routing.conditions import BadCondition, parse_conditions
from routing.models.destinations import Destination


class Priority(models.IntegerChoices):
    """Order within a destination's lane: lower goes first."""

    STAT = 1, _("STAT")
    HIGH = 2, _("High")
    ROUTINE = 3, _("Routine")
    BACKFILL = 4, _("Backfill")


class RuleScope(models.TextChoices):
    """What a rule waits for before it decides."""

    INSTANCE = "instance", _("Each instance at once")
    SERIES = "series", _("The series, when it is complete")
    STUDY = "study", _("The study, when it is complete")


class RuleMode(models.TextChoices):
    """Whether a rule acts."""

    LIVE = "live", _("Live")
    SHADOW = "shadow", _("Shadow: it is judged and counted, and does nothing")


def validate_conditions(value: Any) -> None:
    """Django validator for the JSON of a rule's conditions."""
    try:
        parse_conditions(value)
    except BadCondition as error:
        raise ValidationError(str(error)) from error


class Rule(models.Model):
    """What goes where. Its current form is here, each form that it had is a RuleVersion."""

    name = models.CharField(max_length=64, unique=True)
    is_enabled = models.BooleanField("enabled", default=True)
    order = models.IntegerField(default=100, help_text=_("Rules are tried from low to high; all that match count."))
    scope = models.CharField(max_length=8, choices=RuleScope, default=RuleScope.INSTANCE)
    conditions = models.JSONField(
        default=list, blank=True, validators=[validate_conditions], help_text=_("All must hold; none: every instance.")
    )
    mode = models.CharField(max_length=8, choices=RuleMode, default=RuleMode.LIVE)
    destinations = models.ManyToManyField(Destination, related_name="rules", blank=True)
    ai_pools = models.ManyToManyField("routing.AIPool", related_name="rules", blank=True, verbose_name=_("AI pools"))
    actions = models.JSONField(
        default=list, blank=True, validators=[validate_actions], help_text=_("What else is done with what matches.")
    )
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.ROUTINE)
    comment = models.CharField(max_length=200, blank=True)
    version = models.PositiveIntegerField(default=0, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["order", "pk"]

    def __str__(self) -> str:
        return self.name


class RuleVersion(models.Model):
    """One form of a rule, never changed: deliveries name the version that made them."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField(help_text=_("Name, scope, conditions, destinations and priority as they were."))
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=200, blank=True, help_text=_("Why it was changed, in its author's words."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["rule", "-number"]
        constraints = [models.UniqueConstraint(fields=["rule", "number"], name="rule_version_once")]

    def __str__(self) -> str:
        return f"{self.definition.get('name', self.rule_id)} v{self.number}"
