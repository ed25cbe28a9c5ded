"""Pack and Copy: what lies in a location, and which instances it holds."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from studies.models import Instance, Study
from tiering.models.keys import DataKey
from tiering.models.locations import Compression, Location


class PackState(models.TextChoices):
    """What is known of a pack."""

    WRITING = "writing", _("Being written")  # an object may or may not be there
    VERIFIED = "verified", _("Verified")  # was read back, and every instance had the bytes that were acknowledged
    DAMAGED = "damaged", _("Damaged")  # read back it was something else, or was gone
    REMOVING = "removing", _("Being removed")  # counts as gone; its object goes next


class Pack(models.Model):
    """One object in a location: a TAR of instances of one series. Holds no patient data; the object does."""

    location = models.ForeignKey(Location, on_delete=models.PROTECT, related_name="packs")
    study = models.ForeignKey(
        Study, on_delete=models.SET_NULL, null=True, related_name="packs", help_text="Empty: the study was deleted."
    )
    key = models.CharField(max_length=400, help_text="Name in the location.")
    state = models.CharField(max_length=8, choices=PackState, default=PackState.WRITING)
    size_bytes = models.PositiveBigIntegerField(default=0)
    number_of_instances = models.PositiveIntegerField(default=0)
    compression = models.CharField(max_length=4, choices=Compression, blank=True, default=Compression.NONE)
    data_key = models.ForeignKey(
        DataKey,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="packs",
        help_text="Empty: not encrypted.",
    )
    layout = models.BinaryField(
        default=bytes, help_text="Header and table of a pack in chunks (tiering.chunked); empty: it is a plain TAR."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    verified_at = models.DateTimeField(null=True, blank=True, help_text="When it was read back last and was right.")
    note = models.CharField(max_length=400, blank=True, help_text="What was wrong with it, or how it was looked at.")
    sha256 = models.CharField(
        max_length=64, blank=True, help_text="Of the whole object, where its location is to keep it in cold storage."
    )
    storage_class = models.CharField(
        max_length=32, blank=True, help_text="As the S3 service named it when it was last asked about cold storage."
    )

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["location", "key"], name="pack_once_in_location")]
        indexes = [
            models.Index(fields=["verified_at"], name="pack_by_check", condition=Q(state="verified")),  # the scrub
            models.Index(fields=["state"], name="pack_unsettled", condition=~Q(state="verified")),  # sweeps, alerts
            models.Index(fields=["location", "storage_class"], name="pack_by_class"),  # what is to go to cold storage
        ]

    def __str__(self) -> str:
        return self.key


class Copy(models.Model):
    """One instance within a pack. Whether it can be relied on is the pack's state."""

    instance = models.ForeignKey(Instance, on_delete=models.CASCADE, related_name="copies")
    pack = models.ForeignKey(Pack, on_delete=models.CASCADE, related_name="copies")
    offset = models.PositiveBigIntegerField(help_text="Of its first byte within the TAR.")
    head_crc32 = models.PositiveBigIntegerField(
        help_text="Of what comes before the data set, whose own hash is the instance's."
    )

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "copies"
        constraints = [models.UniqueConstraint(fields=["instance", "pack"], name="copy_once_in_pack")]

    def __str__(self) -> str:
        return f"{self.instance_id} in {self.pack_id}"
