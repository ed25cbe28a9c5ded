"""SavedFilter: what a person looks for again and again in the study list."""

from django.conf import settings
from django.db import models
from django.db.models import Q

NAME_LENGTH = 40
QUERY_LENGTH = 2000


class SavedFilter(models.Model):
    """Filters of the study list under a name. May hold patient data: a name or an identifier that is looked for."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_filters")
    name = models.CharField(max_length=NAME_LENGTH)
    query = models.CharField(max_length=QUERY_LENGTH, blank=True, help_text="As the list's own form writes it.")
    is_default = models.BooleanField("default", default=False, help_text="The list begins with it.")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="saved_filter_once"),
            models.UniqueConstraint(fields=["user"], condition=Q(is_default=True), name="saved_filter_one_default"),
        ]

    def __str__(self) -> str:
        return self.name
