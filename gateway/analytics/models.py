"""Tally, what was counted; Mark, up to where; Stock, what is stored. None of them holds patient data."""

from django.db import models

from gateway.analytics.units import Unit
from studies.models import Tier

KEY_LENGTH = 16


class What(models.TextChoices):
    """What is counted, and so what the key of a count is."""

    STUDY = "study", "Studies begun"  # no key
    RECEIVED = "received", "Instances received"  # a Modality; empty for one that is none
    DELIVERED = "delivered", "Deliveries done"  # the destination's primary key
    FAILED = "failed", "Attempts failed"  # the destination's primary key
    INDEX_SECONDS = "index-seconds", "Received to indexed"  # the number of a bucket
    DELIVERY_SECONDS = "delivery-seconds", "Received to delivered"  # the number of a bucket
    # The greatest that was seen, no sum; no key.
    QUEUE_DEPTH = "queue-depth", "Deliveries waiting"
    QUEUE_SECONDS = "queue-seconds", "Seconds that the oldest waited"


class Tally(models.Model):
    """How many of one kind there were in one stretch of time. Never made less."""

    unit = models.CharField(max_length=12, choices=Unit)
    what = models.CharField(max_length=16, choices=What)
    begins_at = models.DateTimeField()
    key = models.CharField(
        max_length=KEY_LENGTH, blank=True, help_text="A Modality, a destination's number, or a bucket's."
    )
    count = models.PositiveBigIntegerField()
    size_bytes = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "tallies"
        ordering = ["-begins_at", "unit", "what", "key"]
        constraints = [
            # Unit and time first: a page reads one stretch of one unit, the sweep removes one.
            models.UniqueConstraint(fields=["unit", "begins_at", "what", "key"], name="tally_once")
        ]

    def __str__(self) -> str:
        return f"{self.what} {self.key} in the {self.unit} of {self.begins_at}"


class Mark(models.Model):
    """Up to where rows of one kind were counted. Whoever moves it on counts; of two at once, one does.

    Attributes:
        holes: primary keys below ``last_pk`` that had no row yet, as ``[first, last, noted_at]``.
    """

    what = models.CharField(max_length=16, choices=What, unique=True)
    version = models.PositiveBigIntegerField(default=0)
    last_pk = models.PositiveBigIntegerField(default=0)
    holes = models.JSONField(default=list, blank=True)
    until = models.DateTimeField(null=True, blank=True, help_text="Of what is counted by time and not by number.")
    is_caught_up = models.BooleanField(
        default=False, help_text="Of what is counted by time: former times are all counted."
    )

    class Meta:
        ordering = ["what"]

    def __str__(self) -> str:
        return self.what


class Stock(models.Model):
    """What is read from one tier, as it was when it was counted last."""

    tier = models.CharField(max_length=8, choices=Tier, unique=True)
    studies = models.PositiveBigIntegerField(default=0)
    instances = models.PositiveBigIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    counted_at = models.DateTimeField()
    seconds = models.FloatField(default=0, help_text="What the counting took.")

    class Meta:
        verbose_name_plural = "stock"
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.tier
