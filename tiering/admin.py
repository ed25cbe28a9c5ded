"""Rows of tiering in Django admin: to look at, for the gateway alone writes them."""

from django.contrib import admin

from studies.admin import ReadOnlyAdmin
from tiering.models import Damage, LocationSlot, Move, Pack, TierChange, TierSample


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


@admin.register(Pack)
class PackAdmin(ReadOnlyAdmin):
    """Objects in locations."""

    list_display = ["key", "location", "state", "size_bytes", "number_of_instances", "verified_at"]
    list_filter = ["state", "location"]
    list_select_related = ["location"]
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
