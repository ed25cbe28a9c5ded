"""AIPool, AIWorker, AIRequest and AIResult: who computes, what was asked, and what came back."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dicomnet.ae_title import validate_ae_title
from dicomnet.server_name import validate_server_name
from studies.models import Instance, Study
from studies.sight import SeenManager, of_study


class PoolStrategy(models.TextChoices):
    """Which worker of a pool gets the next request."""

    ROUND_ROBIN = "round_robin", _("Each in turn")
    LEAST_BUSY = "least_busy", _("The one with the fewest open requests")
    WEIGHTED = "weighted", _("By weight")


class AIPool(models.Model):
    """Workers that run the same algorithm, and where their results go. Holds no patient data."""

    name = models.CharField(max_length=64, unique=True)
    algorithm = models.CharField(max_length=200, blank=True, help_text=_("What it computes, its maker and version."))
    strategy = models.CharField(max_length=12, choices=PoolStrategy, default=PoolStrategy.ROUND_ROBIN)
    result_destinations = models.ManyToManyField("routing.Destination", related_name="+", blank=True)
    result_sop_classes = models.JSONField(
        default=list,
        blank=True,
        help_text=_("UIDs of the SOP Classes that a result may have; empty: every storage SOP Class."),
    )
    maximum_attempts = models.PositiveSmallIntegerField(
        default=3, validators=[MinValueValidator(1), MaxValueValidator(10)], help_text=_("Each on another worker.")
    )
    is_enabled = models.BooleanField("enabled", default=True, help_text=_("Off: requests wait until it is on again."))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("AI pool")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class AIWorker(models.Model):
    """One node of a pool. It is sent copies, and may send results. Holds no patient data."""

    pool = models.ForeignKey(AIPool, on_delete=models.CASCADE, related_name="workers")
    name = models.CharField(max_length=64, unique=True)
    ae_title = models.CharField(
        _("AE title"),
        max_length=16,
        validators=[validate_ae_title],
        help_text=_("Called to send, and calling with results."),
    )
    host = models.CharField(max_length=255, help_text=_("Host name or address."))
    port = models.PositiveIntegerField(default=104, validators=[MinValueValidator(1), MaxValueValidator(65535)])
    tls = models.BooleanField(_("over TLS"), default=False)
    tls_server_name = models.CharField(
        _("name in its certificate"), max_length=255, blank=True, default="", validators=[validate_server_name]
    )
    timeout_seconds = models.PositiveIntegerField(
        default=600,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
        help_text=_("How long after a request was sent its result may take; then another worker is asked."),
    )
    maximum_requests = models.PositiveSmallIntegerField(
        default=2, validators=[MinValueValidator(1), MaxValueValidator(64)], help_text=_("Open at once.")
    )
    weight = models.PositiveSmallIntegerField(default=1, validators=[MinValueValidator(1), MaxValueValidator(100)])
    is_enabled = models.BooleanField("enabled", default=True)
    failures_in_a_row = models.PositiveIntegerField(default=0, editable=False)
    paused_until = models.DateTimeField(null=True, blank=True, editable=False)
    last_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_result_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        verbose_name = _("AI worker")
        ordering = ["pool", "name"]

    def __str__(self) -> str:
        return self.name


class AIRequestState(models.TextChoices):
    """Where a request stands."""

    QUEUED = "queued", _("Waiting for a worker")
    SENDING = "sending", _("Being sent")
    ASKED = "asked", _("At a worker")
    ANSWERED = "answered", _("Answered")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


class AIRequest(models.Model):
    """A study's instances for one pool, by one rule version. Holds no patient data itself.

    A worker gets the instances that ``rule_version`` matched and that are there when it is sent; a late instance makes
    another request.
    """

    pool = models.ForeignKey(AIPool, on_delete=models.PROTECT, related_name="requests")
    rule_version = models.ForeignKey("routing.RuleVersion", on_delete=models.PROTECT, related_name="ai_requests")
    study = models.ForeignKey(Study, on_delete=models.CASCADE, related_name="ai_requests")
    instances = models.ManyToManyField(Instance, related_name="ai_requests")
    priority = models.PositiveSmallIntegerField(default=3)
    state = models.CharField(max_length=10, choices=AIRequestState, default=AIRequestState.QUEUED)
    worker = models.ForeignKey(AIWorker, null=True, blank=True, on_delete=models.SET_NULL, related_name="requests")
    tried = models.JSONField(default=list, help_text=_("Keys of the workers that failed it, for the failover."))
    attempts = models.PositiveIntegerField(default=0)
    lease_token = models.CharField(max_length=32, blank=True, default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    next_attempt_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True, help_text=_("Until when the worker's result may come."))
    answered_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    objects = SeenManager()
    seen_by = of_study("study")

    class Meta:
        verbose_name = _("AI request")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["pool", "priority", "next_attempt_at", "id"], name="ai_request_due", condition=Q(state="queued")
            ),
            models.Index(fields=["deadline_at"], name="ai_request_deadline", condition=Q(state="asked")),
            models.Index(fields=["lease_until"], name="ai_request_leases", condition=Q(state="sending")),
            models.Index(fields=["worker", "state"], name="ai_request_by_worker"),  # board, least busy
        ]

    def __str__(self) -> str:
        return f"{self.pk}: {self.state}"


class AIVerdict(models.TextChoices):
    """What the gate said of a result."""

    WAITING = "waiting", _("To be judged")
    ACCEPTED = "accepted", _("Accepted")
    DUPLICATE = "duplicate", _("Duplicate, dropped")
    LATE = "late", _("Accepted after its time")
    QUARANTINED = "quarantined", _("Quarantined")
    RELEASED = "released", _("Released by a person")
    KEPT = "kept", _("Kept back by a person")


class AIResult(models.Model):
    """An instance that came from a worker, and whether it is believed. Holds no patient data itself."""

    instance = models.OneToOneField(Instance, on_delete=models.CASCADE, related_name="ai_result")
    worker = models.ForeignKey(AIWorker, null=True, on_delete=models.SET_NULL, related_name="results")
    request = models.ForeignKey(AIRequest, null=True, blank=True, on_delete=models.SET_NULL, related_name="results")
    verdict = models.CharField(max_length=12, choices=AIVerdict)
    reason = models.CharField(max_length=300, blank=True, help_text=_("Why it is quarantined, without patient data."))
    judged_at = models.DateTimeField(default=timezone.now)
    released_by = models.CharField(max_length=150, blank=True, help_text=_("Who released it, or kept it back."))

    objects = SeenManager()
    seen_by = of_study("instance__series__study")

    class Meta:
        verbose_name = _("AI result")
        ordering = ["-pk"]
        indexes = [models.Index(fields=["verdict", "-id"], name="ai_result_by_verdict")]

    def __str__(self) -> str:
        return f"{self.instance_id}: {self.verdict}"
