"""Query: a federated question, who asked it and what came of it; SourceAnswer: what one source said."""

import secrets

from django.db import models
from django.utils import timezone

from spanner.models.configurations import SpanningConfig
from spanner.models.sources import Source


def new_query_id() -> str:
    """Nobody guesses another's."""
    return secrets.token_hex(16)


class Query(models.Model):
    """One question to a federation.

    Every question leaves a row: who asked which attributes of whom, and who answered. The values that were asked for,
    and what was found, are patient data; they are kept only of questions whose answer is fetched later, and are
    removed after an hour (spanner.sweep).
    """

    id = models.CharField(primary_key=True, max_length=32, default=new_query_id, editable=False)
    config = models.ForeignKey(SpanningConfig, on_delete=models.CASCADE, related_name="queries")
    door = models.CharField(max_length=8, help_text="By which door it came: api, dicomweb, dimse or page.")
    asked_by = models.CharField(max_length=150, help_text="A user, an API key, or an AE title.")
    asked_at = models.DateTimeField(default=timezone.now)
    level = models.CharField(max_length=8)
    keys = models.CharField(max_length=400, help_text="Keywords of the attributes that were asked for, without values.")
    deadline = models.DateTimeField(help_text="Who has not answered by then is missing in the answer.")
    finished_at = models.DateTimeField(null=True, blank=True)
    matches = models.PositiveIntegerField(default=0)
    is_complete = models.BooleanField(default=False, help_text="Every source answered, and said all that it has.")
    missing = models.CharField(max_length=400, blank=True, help_text="Sources that did not answer whole.")
    milliseconds = models.PositiveIntegerField(default=0)
    content = models.JSONField(
        null=True, blank=True, help_text="The question itself, encrypted, while its answer is kept."
    )

    class Meta:
        ordering = ["-asked_at"]
        verbose_name_plural = "queries"
        indexes = [
            models.Index(fields=["-asked_at"], name="query_by_time"),
            # Both for the sweep, which looks every minute for the few that are under way or whose answer is kept.
            models.Index(fields=["deadline"], name="query_under_way", condition=models.Q(finished_at__isnull=True)),
            models.Index(fields=["asked_at"], name="query_kept", condition=models.Q(content__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.id


class SourceAnswer(models.Model):
    """What one source answered to a question whose answer is fetched later."""

    query = models.ForeignKey(Query, on_delete=models.CASCADE, related_name="answers")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="answers")
    priority = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=8, blank=True, help_text="Empty: it has not answered yet.")
    count = models.PositiveIntegerField(default=0)
    milliseconds = models.FloatField(default=0)
    age_seconds = models.FloatField(default=0)
    error = models.CharField(max_length=400, blank=True)
    rows = models.BinaryField(default=bytes, help_text="What it found: JSON, compressed and encrypted.")

    class Meta:
        ordering = ["priority", "source__name"]
        constraints = [models.UniqueConstraint(fields=["query", "source"], name="source_answer_once")]

    def __str__(self) -> str:
        return f"{self.source_id} to {self.query_id}"
