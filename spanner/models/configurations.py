"""SpanningConfig: one question to which sources, and what becomes of the answer when not all of them answer."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dicomnet.ae_title import validate_ae_title
from spanner.models.sources import Source


class FailureStrategy(models.TextChoices):
    """What an answer is worth when a source has not answered."""

    PARTIAL_RESULTS = "partial_results", gettext_lazy("Give what there is, and say who is missing")
    FAIL = "fail", gettext_lazy("Fail when no source answers")
    STRICT = "strict", gettext_lazy("Fail when any source does not answer whole")


class SpanningConfig(models.Model):
    """A federation: its sources, and how they are asked. Holds no patient data."""

    name = models.CharField(
        max_length=64,
        unique=True,
        validators=[
            RegexValidator(
                r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", gettext_lazy("Letters, digits, points, hyphens, underscores.")
            )
        ],
        help_text=gettext_lazy("Stands in addresses: /dicom-web/span/<name>/."),
    )
    description = models.CharField(max_length=200, blank=True)
    is_enabled = models.BooleanField("enabled", default=True)
    ae_title = models.CharField(
        gettext_lazy("AE title"),
        max_length=16,
        blank=True,
        validators=[validate_ae_title],
        help_text=gettext_lazy("Devices that call this title ask all of its sources at once; empty: none does."),
    )
    sources = models.ManyToManyField(Source, through="ConfigSource", related_name="configurations")
    max_concurrent_sources = models.PositiveSmallIntegerField(
        default=16,
        validators=[MinValueValidator(1), MaxValueValidator(64)],
        help_text=gettext_lazy("Of one question: so many are asked at once."),
    )
    timeout_seconds = models.PositiveIntegerField(
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(600)],
        help_text=gettext_lazy("For the whole answer; who has not answered by then is missing in it."),
    )
    retry_attempts = models.PositiveSmallIntegerField(
        default=1,
        validators=[MaxValueValidator(5)],
        help_text=gettext_lazy("How often a source that fails or is slow is asked again while there is time."),
    )
    failure_strategy = models.CharField(max_length=16, choices=FailureStrategy, default=FailureStrategy.PARTIAL_RESULTS)
    deduplication_enabled = models.BooleanField(
        default=True,
        help_text=gettext_lazy("What several sources have is listed once. Two patients are never made one."),
    )
    cache_seconds = models.PositiveIntegerField(
        default=10,
        validators=[MaxValueValidator(3600)],
        help_text=gettext_lazy(
            "How old an answer may be that is given again to the same question; 0: every question is asked."
        ),
    )
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["ae_title"], name="spanning_config_ae_title_once", condition=~models.Q(ae_title="")
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def short_address(self) -> str:
        """Where DICOMweb asks it, shortened for lists."""
        return f"…/span/{self.name}/"

    def clean(self) -> None:
        """See that its AE title is nobody else's here: a device that calls it means one thing.

        Raises:
            ValidationError: it is Gantry's own, or that of another federation.
        """
        if not self.ae_title:
            return
        if self.ae_title in settings.DICOM_SERVICES:
            raise ValidationError({"ae_title": _("This is Gantry's own AE title: give the federation another one.")})
        other = SpanningConfig.objects.filter(ae_title=self.ae_title).exclude(pk=self.pk).first()
        if other is not None:
            raise ValidationError(
                {
                    "ae_title": _("The federation %(name)s has this AE title: give it another one.")
                    % {"name": other.name}
                }
            )


class ConfigSource(models.Model):
    """A source in a federation."""

    config = models.ForeignKey(SpanningConfig, on_delete=models.CASCADE, related_name="members")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="memberships")
    priority = models.PositiveSmallIntegerField(
        default=10, help_text=gettext_lazy("Lower comes first: its values are shown, and studies are brought from it.")
    )
    timeout_override = models.PositiveIntegerField(
        gettext_lazy("timeout here"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(600)],
        help_text=gettext_lazy("Seconds; empty: as the source says."),
    )

    class Meta:
        ordering = ["priority", "source__name"]
        constraints = [models.UniqueConstraint(fields=["config", "source"], name="config_source_once")]

    def __str__(self) -> str:
        return f"{self.source} in {self.config}"
