"""Fetch: a study on its way from the archives that have it to this one."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy

from spanner.models.configurations import SpanningConfig
from spanner.models.sources import Source
from studies.sight import SeenManager, by_uid


class FetchState(models.TextChoices):
    """The step that comes next, and the ends."""

    WAITING = "waiting", gettext_lazy("Waiting")
    FETCHING = "fetching", gettext_lazy("Fetching")
    ARRIVED = "arrived", gettext_lazy("Arrived")  # all that was asked for is durable here, and is being indexed
    DONE = "done", gettext_lazy("Done")
    FAILED = "failed", gettext_lazy("Failed")
    CANCELLED = "cancelled", gettext_lazy("Cancelled")


OPEN = (FetchState.WAITING, FetchState.FETCHING, FetchState.ARRIVED)


class Fetch(models.Model):
    """One study, or some series of it. Holds no patient data.

    Its source is the one that is asked now, or that the last instances came from. ``sources`` narrows down who may be
    asked: keys of sources of the federation, in the order in which they are tried.
    """

    config = models.ForeignKey(SpanningConfig, on_delete=models.CASCADE, related_name="fetches")
    study_instance_uid = models.CharField(gettext_lazy("Study Instance UID"), max_length=64)
    series_instance_uids = models.JSONField(
        gettext_lazy("Series Instance UIDs"),
        default=list,
        blank=True,
        help_text=gettext_lazy("Empty: the whole study."),
    )
    sources = models.JSONField(
        default=list, blank=True, help_text=gettext_lazy("Empty: all of the federation, the best first.")
    )
    state = models.CharField(max_length=9, choices=FetchState, default=FetchState.WAITING)
    source = models.ForeignKey(Source, on_delete=models.SET_NULL, null=True, blank=True, related_name="fetches")
    requested_by = models.CharField(
        max_length=150, help_text=gettext_lazy("A user, an API key, a rule, or who asked to read.")
    )
    priority = models.PositiveSmallIntegerField(
        default=3, help_text=gettext_lazy("Lower goes first: readers, then rules.")
    )
    instances_expected = models.PositiveIntegerField(
        default=0, help_text=gettext_lazy("That the sources say they have.")
    )
    instances_arrived = models.PositiveIntegerField(default=0, help_text=gettext_lazy("Of these, that are here."))
    bytes_arrived = models.PositiveBigIntegerField(default=0, help_text=gettext_lazy("That came by this fetch."))
    created_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    attempts = models.PositiveSmallIntegerField(default=0)
    last_error = models.CharField(max_length=400, blank=True)
    removed_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=gettext_lazy("When the copy was removed again: nobody had used it for a while."),
    )
    checked_at = models.DateTimeField(
        null=True, blank=True, help_text=gettext_lazy("When it was looked at last whether the copy may be removed.")
    )
    lease_token = models.CharField(max_length=32, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)

    objects = SeenManager()
    seen_by = by_uid("study_instance_uid")

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "fetches"
        constraints = [
            models.UniqueConstraint(fields=["study_instance_uid"], name="fetch_one_open", condition=Q(state__in=OPEN))
        ]
        indexes = [
            models.Index(
                fields=["priority", "next_attempt_at"], name="fetch_due", condition=Q(state__in=OPEN)
            ),  # what to do next
            models.Index(fields=["study_instance_uid"], name="fetch_by_study"),
            models.Index(
                fields=["finished_at"], name="fetch_kept", condition=Q(state="done", removed_at=None)
            ),  # copies that may be removed
        ]

    def __str__(self) -> str:
        return f"{self.study_instance_uid} by {self.config}"

    @property
    def is_open(self) -> bool:
        """It has not ended."""
        return self.state in OPEN
