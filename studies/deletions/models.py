"""Deletion: who had what deleted; and the files that are still to be removed."""

from django.db import models
from django.utils import timezone

from studies.sight import SeenManager, by_uid


class Deletion(models.Model):
    """One request that was carried out. Holds no patient data; it stays as the record of it."""

    study_instance_uid = models.CharField("Study Instance UID", max_length=64)
    series_instance_uid = models.CharField(
        "Series Instance UID", max_length=64, blank=True, help_text="Empty: the whole study."
    )
    sop_instance_uid = models.CharField(
        "SOP Instance UID", max_length=64, blank=True, help_text="Empty: the whole series or study."
    )
    number_of_instances = models.PositiveIntegerField()
    series_pks = models.JSONField(default=list, help_text="Keys of the series, whose kept metadata goes too.")
    requested_by = models.CharField(max_length=150, help_text="Name of the user or API key.")
    requested_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True, help_text="When the last of its files was removed.")

    objects = SeenManager()
    seen_by = by_uid("study_instance_uid")

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["id"], name="deletion_open", condition=models.Q(done_at=None))]  # the sweep

    def __str__(self) -> str:
        return f"{self.study_instance_uid} by {self.requested_by}"


class DeletedFile(models.Model):
    """A file whose rows are gone; this one goes with the file."""

    deletion = models.ForeignKey(Deletion, on_delete=models.CASCADE, related_name="files")
    location = models.CharField(max_length=200, help_text="Name in the storage for DICOM files.")

    def __str__(self) -> str:
        return self.location
