"""Destination, Rule, RuleVersion and Delivery: where instances go, why, and what became of it.

What belongs to one feature has its models beside it: routing.ai, routing.backtest, routing.proof.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from dicomnet.ae_title import validate_ae_title
from dicomnet.server_name import validate_server_name
from dicomnet.statuses import in_words
from routing.actions import validate_actions
from routing.conditions import BadCondition, parse_conditions
from studies.models import Instance, Series


class DestinationKind(models.TextChoices):
    """How a destination is reached; each has its file in routing.transports."""

    DICOM = "dicom", "DICOM (C-STORE)"
    STOW = "stow", "DICOMweb (STOW-RS)"
    FOLDER = "folder", "Folder"
    S3 = "s3", "S3 bucket"


class HttpAuthentication(models.TextChoices):
    """How Gantry signs in at a DICOMweb destination."""

    NONE = "none", "None"
    BASIC = "basic", "User name and password"
    BEARER = "bearer", "Bearer token"
    CERTIFICATE = "certificate", "Gantry's TLS certificate"


class ProofKind(models.TextChoices):
    """How a destination's word that it keeps an instance is checked."""

    NONE = "none", "Believe its answer"
    COMMITMENT = "commitment", "Ask for Storage Commitment"
    QUERY = "query", "Ask it by a query what it has"


class Destination(models.Model):
    """A node that instances are sent to, its lane, and how it did lately. Holds no patient data."""

    name = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=8, choices=DestinationKind, default=DestinationKind.DICOM)
    ae_title = models.CharField(
        "AE title", max_length=16, blank=True, validators=[validate_ae_title], help_text="The title that Gantry calls."
    )
    host = models.CharField(max_length=255, blank=True, help_text="Host name or address.")
    port = models.PositiveIntegerField(
        default=104, validators=[MinValueValidator(1), MaxValueValidator(65535)], help_text="Often 104 or 11112."
    )
    tls = models.BooleanField(
        "over TLS", default=False, help_text="Encrypted; its certificate must be one that GANTRY_TLS_CA verifies."
    )
    tls_server_name = models.CharField(
        "name in its certificate",
        max_length=255,
        blank=True,
        default="",
        validators=[validate_server_name],
        help_text="With TLS: when it is not the host, such as an AE title. Empty: the host.",
    )
    calling_ae_title = models.CharField(
        "calling AE title",
        max_length=16,
        blank=True,
        default="",
        validators=[validate_ae_title],
        help_text="The title that Gantry calls under; empty for its own.",
    )
    is_enabled = models.BooleanField(
        "enabled", default=True, help_text="Off: deliveries are kept and wait until it is on again."
    )
    timeout_seconds = models.PositiveIntegerField(
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(3600)],
        help_text="How long to wait for the answer to one instance, besides the time its size needs.",
    )
    comment = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # DICOMweb and S3: where, and as whom. The secret is encrypted; nothing shows it again.
    url = models.CharField(
        "URL", max_length=500, blank=True, help_text="DICOMweb: the service's root. S3: the endpoint; empty for AWS."
    )
    authentication = models.CharField(max_length=12, choices=HttpAuthentication, default=HttpAuthentication.NONE)
    username = models.CharField(max_length=128, blank=True, help_text="User name; for S3 the access key.")
    secret = models.CharField(max_length=2000, blank=True, help_text="Password, token or S3 secret key, encrypted.")
    # Folder and S3.
    path = models.CharField(max_length=500, blank=True, help_text="Folder on this host; for S3 the prefix of keys.")
    bucket = models.CharField(max_length=63, blank=True)
    region = models.CharField(max_length=32, blank=True)

    # The lane.
    maximum_associations = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(16)],
        help_text="At most so many at once; fewer are used when more bring nothing.",
    )
    batch_size = models.PositiveSmallIntegerField(
        default=50,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="Instances on one association before another is opened.",
    )
    maximum_bytes_per_second = models.PositiveBigIntegerField(
        default=0, help_text="0: as fast as it goes. Over all its associations together."
    )
    window_begins_at = models.TimeField(null=True, blank=True, help_text="Local time; empty: at any time.")
    window_ends_at = models.TimeField(null=True, blank=True, help_text="Before the beginning: past midnight.")
    proof = models.CharField(max_length=12, choices=ProofKind, default=ProofKind.NONE)
    proof_after_minutes = models.PositiveIntegerField(
        default=10, help_text="How long after a study's last delivery it is checked."
    )

    # One worker at a time drives a destination's lane: who holds this token, until when.
    lane_token = models.CharField(max_length=32, blank=True, default="", editable=False)
    lane_until = models.DateTimeField(null=True, blank=True, editable=False)
    # The breaker: after failures to connect nothing is tried until this moment.
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    failures_in_a_row = models.PositiveIntegerField(default=0, editable=False)
    last_success_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_failure_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(window_begins_at=None, window_ends_at=None)
                | Q(window_begins_at__isnull=False, window_ends_at__isnull=False),
                name="destination_window_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """Where it is, in one line for people."""
        if self.kind == DestinationKind.STOW:
            return self.url
        if self.kind == DestinationKind.FOLDER:
            return self.path
        if self.kind == DestinationKind.S3:
            place = f"{self.bucket}/{self.path}" if self.path else self.bucket
            return f"{place} at {self.url}" if self.url else place
        return f"{self.host}:{self.port}{' TLS' if self.tls else ''}"


class Priority(models.IntegerChoices):
    """Order within a destination's lane: lower goes first."""

    STAT = 1, "STAT"
    HIGH = 2, "High"
    ROUTINE = 3, "Routine"
    BACKFILL = 4, "Backfill"


class RuleScope(models.TextChoices):
    """What a rule waits for before it decides."""

    INSTANCE = "instance", "Each instance at once"
    SERIES = "series", "The series, when it is complete"
    STUDY = "study", "The study, when it is complete"


class RuleMode(models.TextChoices):
    """Whether a rule acts."""

    LIVE = "live", "Live"
    SHADOW = "shadow", "Shadow: it is judged and counted, and does nothing"


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
    order = models.IntegerField(default=100, help_text="Rules are tried from low to high; all that match count.")
    scope = models.CharField(max_length=8, choices=RuleScope, default=RuleScope.INSTANCE)
    conditions = models.JSONField(
        default=list, blank=True, validators=[validate_conditions], help_text="All must hold; none: every instance."
    )
    mode = models.CharField(max_length=8, choices=RuleMode, default=RuleMode.LIVE)
    destinations = models.ManyToManyField(Destination, related_name="rules", blank=True)
    ai_pools = models.ManyToManyField("routing.AIPool", related_name="rules", blank=True, verbose_name="AI pools")
    actions = models.JSONField(
        default=list, blank=True, validators=[validate_actions], help_text="What else is done with what matches."
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
    definition = models.JSONField(help_text="Name, scope, conditions, destinations and priority as they were.")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    reason = models.CharField(max_length=200, blank=True, help_text="Why it was changed, in its author's words.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["rule", "-number"]
        constraints = [models.UniqueConstraint(fields=["rule", "number"], name="rule_version_once")]

    def __str__(self) -> str:
        return f"{self.definition.get('name', self.rule_id)} v{self.number}"


class DeliveryState(models.TextChoices):
    """Where a delivery stands."""

    PENDING = "pending", "Waiting"
    SENDING = "sending", "Sending"
    DELIVERED = "delivered", "Delivered"
    CONFIRMED = "confirmed", "Confirmed"
    DEAD = "dead", "Failed"
    CANCELLED = "cancelled", "Cancelled"


class Delivery(models.Model):
    """One instance on its way to one destination: the ledger's line. Holds no patient data."""

    instance = models.ForeignKey(Instance, on_delete=models.PROTECT, related_name="deliveries")
    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="deliveries")
    rule_version = models.ForeignKey(
        RuleVersion, null=True, blank=True, on_delete=models.PROTECT, related_name="deliveries"
    )
    made_by = models.CharField(
        max_length=150, blank=True, default="", help_text="Who had it sent, when it was no rule: a user or an AI pool."
    )
    # A copy of the instance's, so that the claim finds whose turn it is in its own index.
    calling_ae_title = models.CharField(
        "calling AE title",
        max_length=16,
        blank=True,
        default="",
        help_text="Who sent the instance: sources take turns.",
    )
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.ROUTINE)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    lease_token = models.CharField(max_length=32, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    lost_leases = models.PositiveSmallIntegerField(
        default=0, help_text="How often the worker was lost in the middle of it."
    )
    last_status = models.PositiveIntegerField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    queued_at = models.DateTimeField(default=timezone.now, help_text="Since when it is tried; a retry begins anew.")
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    sent_bytes = models.PositiveBigIntegerField(default=0, help_text="Of the last attempt that went through.")
    association = models.CharField(max_length=32, blank=True, help_text="Of the last attempt; as in the log.")
    proof_checked_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

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

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.delivery_id}: {self.error}"

    @property
    def status_in_words(self) -> str:
        """The peer's answer in hexadecimal and in words; empty when it gave none."""
        return "" if self.status is None else in_words(self.status)


class Decision(models.Model):
    """What a rule of a series or a study decided on, and how much of it was there then.

    A late instance opens the study again: what came since ``instance_count`` is decided on when it is complete again.
    """

    rule_version = models.ForeignKey(RuleVersion, on_delete=models.CASCADE, related_name="decisions")
    series = models.ForeignKey(Series, on_delete=models.CASCADE, related_name="decisions")
    decided_at = models.DateTimeField(default=timezone.now)
    matched = models.BooleanField()
    instance_count = models.PositiveIntegerField()

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["rule_version", "series"], name="decision_once_per_series")]

    def __str__(self) -> str:
        return f"{self.rule_version_id}: {self.series_id}"


class Discard(models.Model):
    """An instance that a rule said goes nowhere, and why. It stays stored. Holds no patient data."""

    instance = models.OneToOneField(Instance, on_delete=models.CASCADE, related_name="discard")
    rule_version = models.ForeignKey(RuleVersion, on_delete=models.PROTECT, related_name="discards")
    reason = models.CharField(max_length=200)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.instance_id}: {self.reason}"


class ShadowMatch(models.Model):
    """What a rule in shadow would have taken, so that its effect is seen before it acts."""

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="shadow_matches")
    rule_version = models.ForeignKey(RuleVersion, on_delete=models.CASCADE, related_name="shadow_matches")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["instance", "rule_version"], name="shadow_match_once")]

    def __str__(self) -> str:
        return f"{self.rule_version_id}: {self.instance_id}"


from routing.ai.models import AIPool, AIRequest, AIResult, AIWorker  # noqa: E402 (they point to the models above)
from routing.backtest.models import BackTest, BackTestStudy  # noqa: E402
from routing.proof.models import ProofRequest  # noqa: E402

__all__ = [
    "AIPool",
    "AIRequest",
    "AIResult",
    "AIWorker",
    "Attempt",
    "BackTest",
    "BackTestStudy",
    "Decision",
    "Delivery",
    "DeliveryState",
    "Destination",
    "DestinationKind",
    "Discard",
    "HttpAuthentication",
    "Priority",
    "ProofKind",
    "ProofRequest",
    "Rule",
    "RuleMode",
    "RuleScope",
    "RuleVersion",
    "ShadowMatch",
    "validate_conditions",
]
