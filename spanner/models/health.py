"""SourceMinute: how a source answered, minute by minute."""

from django.db import models

from spanner.models.sources import Source


class SourceMinute(models.Model):
    """All questions to one source within one minute. Holds no patient data."""

    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="minutes")
    minute = models.DateTimeField(help_text="When it began.")
    asked = models.PositiveIntegerField(default=0)
    cached = models.PositiveIntegerField(default=0, help_text="Answered without asking it.")
    failed = models.PositiveIntegerField(default=0)
    timed_out = models.PositiveIntegerField(default=0)
    not_asked = models.PositiveIntegerField(default=0, help_text="The breaker was open.")
    matches = models.PositiveBigIntegerField(default=0)
    milliseconds = models.PositiveBigIntegerField(default=0, help_text="Of all that were asked together.")
    slowest_milliseconds = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-minute"]
        constraints = [models.UniqueConstraint(fields=["source", "minute"], name="source_minute_once")]
        indexes = [models.Index(fields=["minute"], name="source_minute_by_age")]

    def __str__(self) -> str:
        return f"{self.source_id} at {self.minute:%Y-%m-%d %H:%M}"
