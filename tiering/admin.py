"""Rows of tiering in Django admin: how locations write, to edit; the rest to look at."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from studies.admin import ReadOnlyAdmin
from tiering.models import Damage, DataKey, Location, LocationSlot, Move, Pack, TierChange, TierSample

_EDITED = frozenset({"is_enabled", "compression", "is_encrypted"})


@admin.register(Damage)
class DamageAdmin(ReadOnlyAdmin):
    """What was found not to be what was acknowledged."""

    list_display = ["where", "name", "what", "found_at", "repaired_at", "note"]
    list_filter = [("repaired_at", admin.EmptyFieldListFilter)]
    search_fields = ["name"]
    raw_id_fields = ["instance", "pack"]


@admin.register(Move)
class MoveAdmin(ReadOnlyAdmin):
    """Studies on their way."""

    list_display = ["study", "to_tier", "state", "reason", "requested_by", "created_at", "finished_at", "last_error"]
    list_filter = ["state", "to_tier", "reason"]
    list_select_related = ["study"]


@admin.register(Location)
class LocationAdmin(admin.ModelAdmin):
    """Locations; where they are, and what they are called with, only the page and the API settle."""

    list_display = ["name", "tier", "kind", "is_enabled", "compression", "is_encrypted"]
    list_filter = ["tier", "kind"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """All but what needs no other field to be right."""
        return [field.name for field in Location._meta.fields if field.editable and field.name not in _EDITED]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody: the page asks for what each kind needs."""
        return False


@admin.register(Pack)
class PackAdmin(ReadOnlyAdmin):
    """Packs."""

    list_display = ["key", "location", "state", "size_bytes", "compression", "data_key", "verified_at"]
    list_filter = ["state", "location", "compression"]
    list_select_related = ["location", "data_key"]
    exclude = ["layout"]
    search_fields = ["key"]


@admin.register(TierChange)
class TierChangeAdmin(ReadOnlyAdmin):
    """Which study is read from where since when."""

    list_display = ["study", "from_tier", "to_tier", "at", "requested_by", "policy_name"]
    list_filter = ["from_tier", "to_tier"]
    list_select_related = ["study"]


@admin.register(TierSample)
class TierSampleAdmin(ReadOnlyAdmin):
    """What lay where on one day."""

    list_display = ["on", "what", "key", "studies", "number_of_objects", "size_bytes", "used_bytes", "per_month"]
    list_filter = ["what"]
    date_hierarchy = "on"


@admin.register(LocationSlot)
class LocationSlotAdmin(ReadOnlyAdmin):
    """Places of moves in locations that let in so many at once."""

    list_display = ["location", "number", "move"]
    list_select_related = ["location", "move"]


@admin.register(DataKey)
class DataKeyAdmin(ReadOnlyAdmin):
    """Keys of packs; nothing shows more than their names."""

    list_display = ["ident", "location", "created_at"]
    list_filter = ["location"]
    exclude = ["wrapped"]
