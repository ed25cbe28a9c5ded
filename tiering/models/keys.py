"""DataKey: what encrypts the packs of a location, itself encrypted."""

from django.db import models
from django.utils import timezone

from tiering.models.locations import Location


class DataKey(models.Model):
    """A key of one location; the latest encrypts, all decrypt. Useless without a key from outside the database."""

    location = models.ForeignKey(Location, on_delete=models.CASCADE, related_name="data_keys")
    ident = models.CharField(max_length=32, help_text="As packs name it: 16 bytes in hexadecimal.")
    wrapped = models.CharField(
        max_length=400, editable=False, help_text="Encrypted under a key of GANTRY_ENCRYPTION_KEYS."
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["location", "ident"], name="data_key_once_in_location")]

    def __str__(self) -> str:
        return self.ident
