"""Conflict and IdentityClash: contents that contradict each other, for people to look at."""

from django.db import models
from django.db.models import Q
from pydicom.datadict import dictionary_description

from studies.sight import SeenManager, of_all, of_study

PN_LENGTH = 324  # three component groups of 64 characters, with what over-long values need
USER_NAME_LENGTH = 150  # of a user of the portal: the name stays when the user is gone


class Conflict(models.Model):
    """A SOP Instance UID that came in again with other bytes, for people to look at."""

    instance = models.ForeignKey(
        "studies.Instance", on_delete=models.CASCADE, related_name="conflicts", help_text="The primary content."
    )
    other = models.OneToOneField(
        "studies.Instance",
        on_delete=models.CASCADE,
        related_name="conflict",
        help_text="The content that is kept beside it.",
    )
    received_at = models.DateTimeField(help_text="When the later content came in.")
    resolved_at = models.DateTimeField(null=True, blank=True, help_text="When somebody marked it as seen.")
    resolved_by = models.CharField(max_length=USER_NAME_LENGTH, blank=True, help_text="Who marked it as seen.")

    objects = SeenManager()
    seen_by = of_all("instance__series__study", "other__series__study")  # it shows both contents

    class Meta:
        ordering = ["-received_at", "-pk"]
        indexes = [
            models.Index(fields=["-received_at"], name="conflict_open", condition=Q(resolved_at=None)),  # its page
        ]

    def __str__(self) -> str:
        return f"{self.instance} and {self.other_id}"


class IdentityClash(models.Model):
    """Instances of a study that name another patient or order than the study. Holds patient data: both values.

    One row for each other value, however many instances have it. The study goes on showing what came in first.
    """

    study = models.ForeignKey("studies.Study", on_delete=models.CASCADE, related_name="identity_clashes")
    instance = models.ForeignKey(
        "studies.Instance",
        on_delete=models.CASCADE,
        related_name="identity_clashes",
        help_text="The first with the other value.",
    )
    attribute = models.CharField(max_length=64, help_text="Keyword, such as PatientID.")
    study_value = models.CharField(max_length=PN_LENGTH, help_text="What the study shows.")
    instance_value = models.CharField(max_length=PN_LENGTH, help_text="What these instances say.")
    number_of_instances = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField(help_text="When the first of them came in.")
    last_received_at = models.DateTimeField(help_text="When the latest of them came in.")
    resolved_at = models.DateTimeField(null=True, blank=True, help_text="When somebody marked it as seen.")
    resolved_by = models.CharField(max_length=USER_NAME_LENGTH, blank=True, help_text="Who marked it as seen.")

    objects = SeenManager()
    seen_by = of_study("study")

    class Meta:
        verbose_name_plural = "identity clashes"
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["study", "attribute", "instance_value"], name="clash_once_per_value")
        ]
        indexes = [
            models.Index(fields=["-received_at"], name="clash_open", condition=Q(resolved_at=None)),  # its page
        ]

    def __str__(self) -> str:
        return f"{self.attribute} in {self.study_id}"

    @property
    def attribute_words(self) -> str:
        """The attribute's name in the data dictionary, such as Patient's Name."""
        return dictionary_description(self.attribute)
