"""Snapshots in Django admin: to look at, without the secrets."""

from django.contrib import admin

from gateway.configuration.models import ConfigSnapshot
from studies.admin import ReadOnlyAdmin


@admin.register(ConfigSnapshot)
class ConfigSnapshotAdmin(ReadOnlyAdmin):
    """Snapshots."""

    list_display = ["pk", "created_at", "author_name", "what", "reason", "summary"]
    exclude = ["sealed"]
