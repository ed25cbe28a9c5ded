"""Destination: where instances go, the lane on the way there, and how it did lately."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dicomnet.ae_title import validate_ae_title
from dicomnet.server_name import validate_server_name
from dicomnet.web.sign_in import HttpAuthentication


class DestinationKind(models.TextChoices):
    """How a destination is reached; each has its file in routing.transports."""

    DICOM = "dicom", gettext_lazy("DICOM (C-STORE)")
    STOW = "stow", gettext_lazy("DICOMweb (STOW-RS)")
    FOLDER = "folder", gettext_lazy("Folder")
    S3 = "s3", gettext_lazy("S3 bucket")


class ProofKind(models.TextChoices):
    """How a destination's word that it keeps an instance is checked."""

    NONE = "none", gettext_lazy("Believe its answer")
    COMMITMENT = "commitment", gettext_lazy("Ask for Storage Commitment")
    QUERY = "query", gettext_lazy("Ask it by a query what it has")


class Destination(models.Model):
    """A node that instances are sent to, its lane, and how it did lately. Holds no patient data."""

    name = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=8, choices=DestinationKind, default=DestinationKind.DICOM)
    ae_title = models.CharField(
        gettext_lazy("AE title"),
        max_length=16,
        blank=True,
        validators=[validate_ae_title],
        help_text=gettext_lazy("The title that Gantry calls."),
    )
    host = models.CharField(max_length=255, blank=True, help_text=gettext_lazy("Host name or address."))
    port = models.PositiveIntegerField(
        default=104,
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
        help_text=gettext_lazy("Often 104 or 11112."),
    )
    tls = models.BooleanField(
        gettext_lazy("over TLS"),
        default=False,
        help_text=gettext_lazy("Encrypted; its certificate must be one that GANTRY_TLS_CA verifies."),
    )
    tls_server_name = models.CharField(
        gettext_lazy("name in its certificate"),
        max_length=255,
        blank=True,
        default="",
        validators=[validate_server_name],
        help_text=gettext_lazy("With TLS: when it is not the host, such as an AE title. Empty: the host."),
    )
    calling_ae_title = models.CharField(
        gettext_lazy("calling AE title"),
        max_length=16,
        blank=True,
        default="",
        validators=[validate_ae_title],
        help_text=gettext_lazy("The title that Gantry calls under; empty for its own."),
    )
    is_enabled = models.BooleanField(
        "enabled", default=True, help_text=gettext_lazy("Off: deliveries are kept and wait until it is on again.")
    )
    timeout_seconds = models.PositiveIntegerField(
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(3600)],
        help_text=gettext_lazy("How long to wait for the answer to one instance, besides the time its size needs."),
    )
    comment = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    # DICOMweb and S3: where, and as whom. The secret is encrypted; nothing shows it again.
    url = models.CharField(
        gettext_lazy("URL"),
        max_length=500,
        blank=True,
        help_text=gettext_lazy("DICOMweb: the service's root. S3: the endpoint; empty for AWS."),
    )
    authentication = models.CharField(max_length=12, choices=HttpAuthentication, default=HttpAuthentication.NONE)
    username = models.CharField(max_length=128, blank=True, help_text=gettext_lazy("User name; for S3 the access key."))
    secret = models.CharField(
        max_length=2000, blank=True, help_text=gettext_lazy("Password, token or S3 secret key, encrypted.")
    )
    # Folder and S3.
    path = models.CharField(
        max_length=500, blank=True, help_text=gettext_lazy("Folder on this host; for S3 the prefix of keys.")
    )
    bucket = models.CharField(max_length=63, blank=True)
    region = models.CharField(max_length=32, blank=True)

    # The lane.
    maximum_associations = models.PositiveSmallIntegerField(
        default=2,
        validators=[MinValueValidator(1), MaxValueValidator(16)],
        help_text=gettext_lazy("At most so many at once; fewer are used when more bring nothing."),
    )
    batch_size = models.PositiveSmallIntegerField(
        default=50,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=gettext_lazy("Instances on one association before another is opened."),
    )
    maximum_bytes_per_second = models.PositiveBigIntegerField(
        default=0, help_text=gettext_lazy("0: as fast as it goes. Over all its associations together.")
    )
    window_begins_at = models.TimeField(
        null=True, blank=True, help_text=gettext_lazy("Local time; empty: at any time.")
    )
    window_ends_at = models.TimeField(
        null=True, blank=True, help_text=gettext_lazy("Before the beginning: past midnight.")
    )
    proof = models.CharField(max_length=12, choices=ProofKind, default=ProofKind.NONE)
    proof_after_minutes = models.PositiveIntegerField(
        default=10, help_text=gettext_lazy("How long after a study's last delivery it is checked.")
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
            return _("%(place)s at %(url)s") % {"place": place, "url": self.url} if self.url else place
        return f"{self.host}:{self.port}{' TLS' if self.tls else ''}"
