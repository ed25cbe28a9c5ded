"""Delivery: the ledger, a line for each instance and destination; and the attempts of it that failed."""

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dicomnet.statuses import in_words
from routing.models.destinations import Destination
from routing.models.rules import Priority, RuleVersion
from studies.models import Instance
from studies.sight import SeenManager, of_study


class DeliveryState(models.TextChoices):
    """Where a delivery stands."""

    PENDING = "pending", _("Waiting")
    SENDING = "sending", _("Sending")
    DELIVERED = "delivered", _("Delivered")
    CONFIRMED = "confirmed", _("Confirmed")
    DEAD = "dead", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class Delivery(models.Model):
    """One instance on its way to one destination: the ledger's line. Holds no patient data."""

    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="deliveries")
    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="deliveries")
    rule_version = models.ForeignKey(
        RuleVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="deliveries"
    )
    made_by = models.CharField(
        max_length=150,
        blank=True,
        default="",
        help_text=_("Who had it sent, when it was no rule: a user or an AI pool."),
    )
    # A copy of the instance's, so that the claim finds whose turn it is in its own index.
    calling_ae_title = models.CharField(
        _("calling AE title"),
        max_length=16,
        blank=True,
        default="",
        help_text=_("Who sent the instance: sources take turns."),
    )
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.ROUTINE)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    lease_token = models.CharField(max_length=32, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    lost_leases = models.PositiveSmallIntegerField(
        default=0, help_text=_("How often the worker was lost in the middle of it.")
    )
    last_status = models.PositiveIntegerField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(default=timezone.now, help_text=_("Since when it is tried; a retry begins anew."))
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    sent_bytes = models.PositiveBigIntegerField(default=0, help_text=_("Of the last attempt that went through."))
    association = models.CharField(max_length=32, blank=True, help_text=_("Of the last attempt; as in the log."))
    proof_checked_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    objects = SeenManager()
    seen_by = of_study("instance__series__study")

    class Meta:
        verbose_name_plural = "deliveries"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["instance", "destination", "rule_version"], name="delivery_once_per_rule_version"
            ),
            models.UniqueConstraint(
                fields=["instance", "destination"], condition=Q(rule_version=None), name="delivery_once_without_rule"
            ),
            models.CheckConstraint(
                condition=Q(rule_version__isnull=False) | ~Q(made_by=""), name="delivery_has_an_origin"
            ),
            models.CheckConstraint(
                condition=Q(state="sending", lease_until__isnull=False) | ~Q(state="sending"),
                name="delivery_sending_has_lease",
            ),
        ]
        indexes = [
            # The claim: what is due for one destination, in the order of its lane, source by source.
            models.Index(
                fields=["destination", "priority", "calling_ae_title", "next_attempt_at", "id"],
                name="delivery_turns",
                condition=Q(state="pending"),
            ),
            models.Index(fields=["lease_until"], name="delivery_leases", condition=Q(state="sending")),
            models.Index(fields=["state", "-id"], name="delivery_by_state"),  # the deliveries page
            models.Index(fields=["destination", "state"], name="delivery_counts"),  # figures per destination
            models.Index(fields=["delivered_at"], name="delivery_by_day"),  # "delivered in 24 hours"
            # What a destination still has to prove.
            models.Index(
                fields=["destination", "delivered_at"], name="delivery_unproven", condition=Q(state="delivered")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}: {self.state}"

    @property
    def status_in_words(self) -> str:
        """The peer's last status such as ``0xA700 Out of resources``; empty before the first answer."""
        return "" if self.last_status is None else in_words(self.last_status)

    @property
    def has_warning(self) -> bool:
        """The peer keeps the instance, and says that something is odd about it (PS3.4 Table B.2-1)."""
        is_delivered = self.state in {DeliveryState.DELIVERED, DeliveryState.CONFIRMED}
        return is_delivered and bool(self.last_status)


class Attempt(models.Model):
    """One try of one delivery that did not end well, for the history of what is retried. Holds no patient data."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="failures")
    at = models.DateTimeField(default=timezone.now)
    status = models.PositiveIntegerField(null=True, blank=True)
    error = models.CharField(max_length=300, blank=True)
    association = models.CharField(max_length=32, blank=True)

    objects = SeenManager()
    seen_by = of_study("delivery__instance__series__study")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.delivery_id}: {self.error}"

    @property
    def status_in_words(self) -> str:
        """The peer's answer in hexadecimal and in words; empty when it gave none."""
        return "" if self.status is None else in_words(self.status)
