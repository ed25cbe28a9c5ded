"""Source: an archive that is asked, how it is reached, and how it did lately."""

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dicomnet.ae_title import validate_ae_title
from dicomnet.server_name import validate_server_name
from dicomnet.web.sign_in import HttpAuthentication


class SourceKind(models.TextChoices):
    """How a source is asked; each has its file in spanner.ask."""

    DIMSE = "dimse", gettext_lazy("DICOM (C-FIND)")
    DICOMWEB = "dicomweb", gettext_lazy("DICOMweb (QIDO-RS)")
    LOCAL = "local", gettext_lazy("This Gantry's own archive")


class Retrieve(models.TextChoices):
    """How a study is brought here from a DICOM source."""

    GET = "get", gettext_lazy("C-GET: it sends on the association that Gantry opened")
    MOVE = "move", gettext_lazy("C-MOVE: it sends to Gantry's AE title, which it must know")


class Source(models.Model):
    """An archive that is asked, and how it did lately. Holds no patient data."""

    name = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=8, choices=SourceKind, default=SourceKind.DIMSE)
    is_enabled = models.BooleanField(
        "enabled", default=True, help_text=gettext_lazy("Off: it is asked nothing, and answers say so.")
    )
    comment = models.CharField(max_length=200, blank=True)

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
        validators=[validate_server_name],
        help_text=gettext_lazy("With TLS: when it is not the host. Empty: the host."),
    )
    calling_ae_title = models.CharField(
        gettext_lazy("calling AE title"),
        max_length=16,
        blank=True,
        validators=[validate_ae_title],
        help_text=gettext_lazy("The title that Gantry calls under; empty for its own."),
    )
    retrieve = models.CharField(gettext_lazy("studies come by"), max_length=4, choices=Retrieve, default=Retrieve.GET)

    url = models.CharField(
        gettext_lazy("URL"), max_length=500, blank=True, help_text=gettext_lazy("Root of the DICOMweb service.")
    )
    authentication = models.CharField(max_length=12, choices=HttpAuthentication, default=HttpAuthentication.NONE)
    username = models.CharField(max_length=128, blank=True)
    secret = models.CharField(
        max_length=2000, blank=True, editable=False, help_text=gettext_lazy("Password or token, encrypted.")
    )

    timeout_seconds = models.PositiveIntegerField(
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(600)],
        help_text=gettext_lazy("How long its whole answer may take."),
    )
    max_concurrent = models.PositiveSmallIntegerField(
        gettext_lazy("questions at once"),
        default=4,
        validators=[MinValueValidator(1), MaxValueValidator(64)],
        help_text=gettext_lazy("Of each of Gantry's processes that ask: so many associations or connections."),
    )
    result_limit = models.PositiveIntegerField(
        default=2_000,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text=gettext_lazy("Matches that are taken of one answer."),
    )
    cuts_at = models.PositiveIntegerField(
        gettext_lazy("cuts its lists at"),
        default=0,
        help_text=gettext_lazy(
            "Matches that it gives at most without saying that there are more; 0: it cuts none. "
            "Longer lists are asked for in pieces by date."
        ),
    )
    issuer_of_patient_id = models.CharField(
        gettext_lazy("issuer of patient ID"),
        max_length=64,
        blank=True,
        help_text=gettext_lazy("Of its patient IDs that name no issuer."),
    )
    patient_id_prefix = models.CharField(
        gettext_lazy("patient ID prefix"),
        max_length=16,
        blank=True,
        validators=[
            RegexValidator(r"^[^\\*?\s]*$", gettext_lazy("A prefix has no spaces and none of * ? and backslash."))
        ],
        help_text=gettext_lazy("Put before its patient IDs here, so that they differ from those of other sites."),
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    # The breaker: after failures it is asked nothing until this moment (spanner.breaker).
    open_until = models.DateTimeField(null=True, blank=True, editable=False)
    failures_in_a_row = models.PositiveIntegerField(default=0, editable=False)
    last_success_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_failure_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_error = models.CharField(max_length=300, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        """Where it is, in one line for people."""
        if self.kind == SourceKind.LOCAL:
            return _("here")
        if self.kind == SourceKind.DICOMWEB:
            return self.url
        place = f"{self.host}:{self.port}{' TLS' if self.tls else ''}"
        return _("%(ae_title)s at %(place)s") % {"ae_title": self.ae_title, "place": place}
