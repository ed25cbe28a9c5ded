"""Rows of the figures in Django admin, to look at."""

from django.contrib import admin

from gateway.analytics.models import Mark, Stock, Tally
from studies.admin import ReadOnlyAdmin


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    """What was counted."""

    list_display = ["begins_at", "unit", "what", "key", "count", "size_bytes"]
    list_filter = ["unit", "what"]


@admin.register(Mark)
class MarkAdmin(ReadOnlyAdmin):
    """Up to where."""

    list_display = ["what", "last_pk", "until", "is_caught_up"]


@admin.register(Stock)
class StockAdmin(ReadOnlyAdmin):
    """What is stored."""

    list_display = ["tier", "studies", "instances", "size_bytes", "counted_at", "seconds"]
