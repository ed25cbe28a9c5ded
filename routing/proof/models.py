"""ProofRequest: a question to a destination whether it keeps what it said it took (PS3.4 Annex J)."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from studies.models import Study
from studies.sight import SeenManager, of_study


class ProofState(models.TextChoices):
    """Where a question stands."""

    DUE = "due", _("To be asked")
    ASKED = "asked", _("Waiting for the report")
    PROVEN = "proven", _("Proven")
    GAPS = "gaps", _("Gaps, sent again")
    FAILED = "failed", _("Cannot be asked")


class ProofRequest(models.Model):
    """One study at one destination: what it has was, or is to be, asked. Holds no patient data itself."""

    destination = models.ForeignKey("routing.Destination", on_delete=models.CASCADE, related_name="proof_requests")
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="proof_requests")
    kind = models.CharField(max_length=12)
    state = models.CharField(max_length=8, choices=ProofState, default=ProofState.DUE)
    transaction_uid = models.CharField("Transaction UID", max_length=64, blank=True)
    due_at = models.DateTimeField(default=timezone.now)
    asked_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    expected = models.PositiveIntegerField(default=0)
    proven = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    lease_token = models.CharField(max_length=32, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    objects = SeenManager()
    seen_by = of_study("study")

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["destination", "study"],
                condition=Q(state__in=["due", "asked"]),
                name="proof_request_one_open",
            ),
            models.UniqueConstraint(
                fields=["transaction_uid"], condition=~Q(transaction_uid=""), name="proof_request_by_transaction"
            ),
        ]
        indexes = [models.Index(fields=["due_at"], name="proof_request_due", condition=Q(state__in=["due", "asked"]))]

    def __str__(self) -> str:
        return f"{self.pk}: {self.state}"
