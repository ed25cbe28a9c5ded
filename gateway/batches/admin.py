"""Batches in Django admin: to look at."""

from django.contrib import admin

from gateway.batches.models import Batch, BatchItem
from studies.admin import ReadOnlyAdmin


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    """Batches."""

    list_display = ["pk", "action", "state", "user", "matched", "created_at", "finished_at"]
    list_filter = ["action", "state"]
    list_select_related = ["user"]


@admin.register(BatchItem)
class BatchItemAdmin(ReadOnlyAdmin):
    """Studies of batches."""

    list_display = ["batch", "study", "state", "words"]
    list_filter = ["state"]
    list_select_related = ["batch", "study"]
