"""Saved filters in Django admin: to look at and to delete; each person makes their own on the study list."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from gateway.portal.models import SavedFilter


@admin.register(SavedFilter)
class SavedFilterAdmin(admin.ModelAdmin):
    """Saved filters."""

    list_display = ["name", "user", "is_default"]
    list_select_related = ["user"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody, here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody, here."""
        return False
