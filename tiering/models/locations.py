"""Location: a folder or bucket that keeps copies of studies, for one tier."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from studies.models import Tier

SLOW_TIERS = [choice for choice in Tier.choices if choice[0] != Tier.HOT]


class LocationKind(models.TextChoices):
    """How a location is reached; each has its file in tiering.stores."""

    FILESYSTEM = "filesystem", _("Folder")
    S3 = "s3", _("S3 bucket")


class LocationType(models.TextChoices):
    """On which side of the hospital's line it is."""

    EDGE = "edge", _("Edge")
    CLOUD = "cloud", _("Cloud")


class Compression(models.TextChoices):
    """How the chunks of a pack are compressed."""

    NONE = "", _("Not compressed")
    ZSTD = "zstd", _("Zstandard")


class StorageClass(models.TextChoices):
    """As which kind of object an S3 service keeps something, as it calls them; empty: as the service does by itself."""

    STANDARD = "STANDARD", _("Standard")
    STANDARD_IA = "STANDARD_IA", _("Infrequent access")
    GLACIER_IR = "GLACIER_IR", _("Glacier instant retrieval")
    GLACIER = "GLACIER", _("Glacier flexible retrieval")
    DEEP_ARCHIVE = "DEEP_ARCHIVE", _("Glacier deep archive")


# What is in these is not read before the service was asked to bring it back.
AT_REST = frozenset({StorageClass.GLACIER, StorageClass.DEEP_ARCHIVE})


class RestoreSpeed(models.TextChoices):
    """How soon an S3 service brings something back from cold storage; sooner costs more."""

    EXPEDITED = "Expedited", _("Expedited")
    STANDARD = "Standard", _("Standard")
    BULK = "Bulk", _("Bulk")


class Location(models.Model):
    """A place for packs of the cold or the archive tier. Holds no patient data; what it points to does.

    The hot tier needs none: it is the folder of the setting GANTRY_STORE_DIR, which receives.
    """

    name = models.CharField(max_length=64, unique=True)
    tier = models.CharField(max_length=8, choices=SLOW_TIERS, default=Tier.COLD)
    kind = models.CharField(max_length=10, choices=LocationKind, default=LocationKind.FILESYSTEM)
    is_enabled = models.BooleanField(
        "enabled", default=True, help_text=_("Off: nothing new is written there; what is there can be read.")
    )
    path = models.CharField(
        max_length=400,
        blank=True,
        help_text=_("Of a folder: its absolute path. Of a bucket: what all keys begin with."),
    )
    bucket = models.CharField(max_length=63, blank=True)
    endpoint_url = models.CharField(
        _("endpoint URL"),
        max_length=400,
        blank=True,
        help_text=_("Of the S3 service; empty: that of AWS in its region."),
    )
    region = models.CharField(max_length=32, blank=True, help_text=_("Empty: us-east-1."))
    access_key = models.CharField(max_length=128, blank=True)
    secret_key = models.CharField(
        max_length=2000, blank=True, help_text=_("Encrypted; nothing shows it again."), editable=False
    )
    compression = models.CharField(
        max_length=4,
        choices=Compression,
        blank=True,
        default=Compression.NONE,
        help_text=_("Of packs written from now on."),
    )
    is_encrypted = models.BooleanField(
        "encrypted",
        default=False,
        help_text=_("Packs that are written from now on can be read only with a key of this gateway."),
    )
    storage_class = models.CharField(
        max_length=16, choices=StorageClass, blank=True, help_text=_("Of what is written; empty: the service's own.")
    )
    restore_speed = models.CharField(
        max_length=10,
        choices=RestoreSpeed,
        default=RestoreSpeed.STANDARD,
        help_text=_("Of what is read from cold storage of the service."),
    )
    restore_days = models.PositiveSmallIntegerField(
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text=_("For so long the service keeps what it brought back from cold storage."),
    )
    location_type = models.CharField(max_length=5, choices=LocationType, default=LocationType.EDGE)
    edge_id = models.CharField(max_length=64, blank=True, help_text=_("Which site or machine it belongs to."))

    capacity_bytes = models.PositiveBigIntegerField(
        null=True, blank=True, help_text=_("Empty: as much as the disk or bucket takes.")
    )
    cost_per_gb_month = models.DecimalField(
        _("cost per GB and month"), max_digits=9, decimal_places=5, default=0, validators=[MinValueValidator(0)]
    )
    cost_per_gb_read = models.DecimalField(
        _("cost per GB read"), max_digits=9, decimal_places=5, default=0, validators=[MinValueValidator(0)]
    )
    expected_latency_seconds = models.PositiveIntegerField(
        default=0, help_text=_("Until a read begins: 0 for a disk, hours for an archive on tape.")
    )
    bytes_per_second = models.PositiveBigIntegerField(
        "bandwidth", null=True, blank=True, help_text=_("At most so many bytes a second; empty: no limit.")
    )
    max_parallel = models.PositiveSmallIntegerField(
        _("moves at once"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text=_("At most so many moves read or write there at the same time; empty: no limit."),
    )
    timeout_seconds = models.PositiveIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(3600)]
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-tier", "name"]  # cold, then archive

    def __str__(self) -> str:
        return self.name
