"""Federated search in Django admin: federations to edit; what was asked, brought, and how sources did to look at."""

from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest

from spanner.change import change_source
from spanner.models import ConfigSource, Fetch, Query, Source, SourceAnswer, SourceMinute, SpanningConfig
from studies.admin import ReadOnlyAdmin


@admin.register(Source)
class SourceAdmin(admin.ModelAdmin):
    """Sources; how one did lately is shown, not edited."""

    list_display = ["name", "kind", "address", "is_enabled", "last_success_at", "failures_in_a_row", "last_error"]
    list_filter = ["kind", "is_enabled"]
    search_fields = ["name", "ae_title", "host", "url"]
    # Where it is and how Gantry signs in, the page and the API check; here they are only shown.
    readonly_fields = ["kind", "ae_title", "host", "port", "url", "authentication", "username"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """On the page and by the API, which check its address."""
        return False

    def save_model(self, request: HttpRequest, obj: Source, form: ModelForm, change: bool) -> None:
        """Save what was changed, as the API does."""
        stored = Source.objects.get(pk=obj.pk)
        change_source(stored, {name: form.cleaned_data[name] for name in form.changed_data})


class ConfigSourceInline(admin.TabularInline):
    """The sources of a federation."""

    model = ConfigSource
    extra = 0


@admin.register(SpanningConfig)
class SpanningConfigAdmin(admin.ModelAdmin):
    """Federations with their sources."""

    list_display = ["name", "description", "is_enabled", "ae_title", "failure_strategy", "timeout_seconds"]
    list_filter = ["is_enabled", "failure_strategy"]
    search_fields = ["name", "ae_title"]
    inlines = [ConfigSourceInline]


@admin.register(ConfigSource)
class ConfigSourceAdmin(admin.ModelAdmin):
    """Which source is in which federation."""

    list_display = ["config", "source", "priority", "timeout_override"]
    list_filter = ["config"]
    list_select_related = ["config", "source"]


@admin.register(Query)
class QueryAdmin(ReadOnlyAdmin):
    """Who asked which attributes of whom; values are not kept, and the question itself is not shown."""

    list_display = [
        "id",
        "config",
        "door",
        "asked_by",
        "asked_at",
        "level",
        "keys",
        "matches",
        "is_complete",
        "missing",
    ]
    list_filter = ["door", "config", "is_complete"]
    list_select_related = ["config"]
    search_fields = ["id", "asked_by"]
    exclude = ["content"]


@admin.register(SourceAnswer)
class SourceAnswerAdmin(ReadOnlyAdmin):
    """How sources answered questions whose answer is kept; the matches are not shown."""

    list_display = ["query", "source", "state", "count", "milliseconds", "error"]
    list_filter = ["state", "source"]
    list_select_related = ["query", "source"]
    exclude = ["rows"]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Without the matches."""
        return super().get_queryset(request).defer("rows")


@admin.register(SourceMinute)
class SourceMinuteAdmin(ReadOnlyAdmin):
    """How sources answered, minute by minute."""

    list_display = ["source", "minute", "asked", "cached", "failed", "timed_out", "not_asked", "slowest_milliseconds"]
    list_filter = ["source"]
    list_select_related = ["source"]


@admin.register(Fetch)
class FetchAdmin(ReadOnlyAdmin):
    """Studies that were or are brought here from other archives."""

    list_display = [
        "study_instance_uid",
        "config",
        "source",
        "state",
        "instances_arrived",
        "instances_expected",
        "requested_by",
        "created_at",
        "finished_at",
        "removed_at",
        "last_error",
    ]
    list_filter = ["state", "config", "source"]
    list_select_related = ["config", "source"]
    search_fields = ["study_instance_uid", "requested_by"]
    exclude = ["lease_token"]
