"""The app of the archive."""

from django.apps import AppConfig


class StudiesConfig(AppConfig):
    """Spool, index, queries and pages of studies."""

    name = "studies"
    verbose_name = "Studies"
