"""ConfigSnapshot: the whole configuration as it was before an import changed it."""

from django.conf import settings
from django.db import models
from django.utils import timezone


class ConfigSnapshot(models.Model):
    """The configuration as it was, and what was done to it then. Holds no patient data."""

    created_at = models.DateTimeField(default=timezone.now)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    author_name = models.CharField(max_length=150, blank=True, help_text="As it was then; also of an API key.")
    what = models.CharField(max_length=200, help_text="What changed the configuration after this.")
    reason = models.CharField(max_length=200, blank=True, help_text="Why, in the words of who did it.")
    summary = models.CharField(max_length=200, help_text="How much it changed.")
    document = models.TextField(help_text="The configuration, without its secrets.")
    sealed = models.JSONField(
        default=dict, editable=False, help_text="The secrets by their place in the document, encrypted as in the rows."
    )

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.pk}: before {self.what}"
