"""TierSample: what lay where on one day and what it cost, for growth and forecasts."""

from django.db import models


class SampleOf(models.TextChoices):
    """What a sample is about, and so what its key is."""

    TIER = "tier", "Tier"  # hot, cold, archive
    LOCATION = "location", "Location"  # its primary key
    SOURCE = "source", "Source"  # a calling AE title
    POLICY = "policy", "Policy"  # its primary key; the bytes that lie where it moved them


class TierSample(models.Model):
    """One thing on one day, as it was when the day was looked at last. Holds no patient data."""

    on = models.DateField(help_text="A day of the site's time zone.")
    what = models.CharField(max_length=8, choices=SampleOf)
    key = models.CharField(max_length=64, blank=True, help_text="Of the tier, location, source or policy.")
    studies = models.PositiveIntegerField(default=0)
    number_of_objects = models.PositiveBigIntegerField(default=0, help_text="Packs in a location, else instances.")
    size_bytes = models.PositiveBigIntegerField(default=0)
    used_bytes = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Of the whole disk or capacity, with what is not Gantry's; empty: not known."
    )
    per_month = models.DecimalField(
        max_digits=18,
        decimal_places=5,
        default=0,
        help_text="What it cost a month that day; of a policy: what it saved.",
    )

    class Meta:
        ordering = ["-on", "what", "key"]
        constraints = [models.UniqueConstraint(fields=["on", "what", "key"], name="sample_once_a_day")]

    def __str__(self) -> str:
        return f"{self.what} {self.key} on {self.on}"
