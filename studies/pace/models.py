"""SourcePace: what is known of how a sender sends."""

from django.db import models
from django.db.models import F, Q


class SourcePace(models.Model):
    """How long a sender pauses within a study, and so after which quiet its studies are complete.

    Holds no patient data.
    """

    calling_ae_title = models.CharField("Sending AE title", max_length=16, unique=True)
    longest_gaps = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text="Seconds of the longest pause within each of its latest studies.",
    )
    floor_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Never complete after less quiet; empty: 10 s, or GANTRY_STABLE_SECONDS when that is less.",
    )
    ceiling_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Complete after this quiet at the latest; empty: 15 min or GANTRY_STABLE_SECONDS when that is more.",
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["calling_ae_title"]
        constraints = [
            models.CheckConstraint(
                condition=Q(floor_seconds=None) | Q(ceiling_seconds=None) | Q(floor_seconds__lte=F("ceiling_seconds")),
                name="source_pace_in_order",
            )
        ]

    def __str__(self) -> str:
        return self.calling_ae_title
