"""Commitment and CommitmentItem: who asked for proof of storage, for what, and what came of it (PS3.4 Annex J)."""

from django.apps import apps
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dicomnet.statuses import in_words
from studies.sight import SeenManager, Sight

UID_LENGTH = 64


class CommitmentState(models.TextChoices):
    """Where a request stands."""

    VERIFYING = "verifying", _("Verifying")
    REPORTING = "reporting", _("Report due")
    REPORTED = "reported", _("Reported")
    FAILED = "failed", _("Not reported")


def names_only_seen(sight: Sight, commitment: str = "pk") -> Q:
    """Requests that name an instance of a seen study, and none of a study that is not seen."""
    item, instance = (apps.get_model("studies", name)._base_manager for name in ("CommitmentItem", "Instance"))
    named = instance.filter(sop_instance_uid=OuterRef("sop_instance_uid"))
    items = item.filter(commitment=OuterRef(commitment))
    seen = sight.studies("series__study")
    return Q(Exists(items.filter(Exists(named.filter(seen))))) & ~Q(Exists(items.filter(Exists(named.exclude(seen)))))


def is_of_seen(sight: Sight) -> Q:
    """Instances that such a request names."""
    return names_only_seen(sight, "commitment")


class Commitment(models.Model):
    """One request for storage commitment. Holds no patient data."""

    transaction_uid = models.CharField("Transaction UID", max_length=UID_LENGTH)
    calling_ae_title = models.CharField("Requesting AE title", max_length=16)
    called_ae_title = models.CharField("Called AE title", max_length=16)
    source_address = models.CharField(max_length=45, blank=True)
    state = models.CharField(max_length=10, choices=CommitmentState, default=CommitmentState.VERIFYING)
    is_duplicate = models.BooleanField(
        default=False, help_text="Its Transaction UID was in use for other instances: nothing of it is committed."
    )
    instance_count = models.PositiveIntegerField(help_text="How many instances it names.")
    failed_count = models.PositiveIntegerField(null=True, blank=True, help_text="How many of them are not committed.")
    requested_at = models.DateTimeField(default=timezone.now)
    verified_at = models.DateTimeField(null=True, blank=True, help_text="When the verdict stood.")
    report_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when the report is tried; sending it again begins anew."
    )
    reported_at = models.DateTimeField(null=True, blank=True, help_text="When the device had taken the report.")
    attempts = models.PositiveIntegerField(default=0, help_text="How often the report was tried.")
    next_attempt_at = models.DateTimeField(default=timezone.now)
    last_error = models.CharField(max_length=300, blank=True)

    # Who verifies or reports it now: one at a time, until the lease ends.
    lease_token = models.CharField(max_length=32, blank=True, default="", editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    # While the association of the request is open the report goes there, and nobody else sends it.
    association = models.CharField(max_length=32, blank=True, default="", editable=False)
    association_until = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SeenManager()
    seen_by = names_only_seen

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["calling_ae_title", "transaction_uid"],
                condition=Q(is_duplicate=False),
                name="commitment_transaction_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["state", "next_attempt_at"],
                name="commitment_due",
                condition=Q(state__in=["verifying", "reporting"]),
            ),
            models.Index(fields=["state", "-id"], name="commitment_by_state"),  # counts, and the page's tabs
        ]

    def __str__(self) -> str:
        return self.transaction_uid


class CommitmentItem(models.Model):
    """One instance that a request names. Holds no patient data."""

    commitment = models.ForeignKey(Commitment, on_delete=models.CASCADE, related_name="items")
    sop_class_uid = models.CharField("SOP Class UID", max_length=UID_LENGTH)
    sop_instance_uid = models.CharField("SOP Instance UID", max_length=UID_LENGTH)
    is_checked = models.BooleanField(default=False)
    failure_reason = models.PositiveIntegerField(
        null=True, blank=True, help_text="Why it is not committed (0008,1197); empty when it is, once it is checked."
    )

    objects = SeenManager()
    seen_by = is_of_seen

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["commitment", "id"], name="commitment_unchecked", condition=Q(is_checked=False)),
        ]

    def __str__(self) -> str:
        return self.sop_instance_uid

    @property
    def failure_in_words(self) -> str:
        """``0x0112 No such SOP Instance``: why it is not committed; empty when it is, or is not known yet."""
        return "" if self.failure_reason is None else in_words(self.failure_reason)
