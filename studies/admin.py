"""Rows of the archive in Django admin: to look at, for the gateway alone writes them."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from studies.models import (
    Commitment,
    Conflict,
    IdentityClash,
    Instance,
    Series,
    SourcePace,
    Study,
    StudyLabel,
    UnreadableFile,
)


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that are shown and never edited here."""

    show_full_result_count = False
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody."""
        return False


@admin.register(Study)
class StudyAdmin(ReadOnlyAdmin):
    """Studies."""

    list_display = [
        "patient_name",
        "patient_id",
        "study_date",
        "modalities_in_study",
        "accession_number",
        "tier",
        "received_at",
    ]
    list_filter = ["tier"]
    search_fields = ["patient_id", "accession_number", "study_instance_uid"]


@admin.register(StudyLabel)
class StudyLabelAdmin(admin.ModelAdmin):
    """Labels; “legal hold” keeps a study from being deleted, and from being moved by policies."""

    list_display = ["study", "label", "given_by", "given_at"]
    list_filter = ["label"]
    list_select_related = ["study"]
    search_fields = ["study__study_instance_uid", "label"]
    raw_id_fields = ["study"]


@admin.register(Series)
class SeriesAdmin(ReadOnlyAdmin):
    """Series."""

    list_display = ["series_instance_uid", "modality", "series_description", "number_of_series_related_instances"]
    list_filter = ["modality"]
    search_fields = ["series_instance_uid"]


@admin.register(SourcePace)
class SourcePaceAdmin(admin.ModelAdmin):
    """Quiet times: what was learnt is shown, floor and ceiling are set."""

    list_display = ["calling_ae_title", "floor_seconds", "ceiling_seconds", "studies_seen", "updated_at"]
    search_fields = ["calling_ae_title"]
    readonly_fields = ["longest_gaps", "updated_at"]

    @admin.display(description="studies seen")
    def studies_seen(self, pace: SourcePace) -> int:
        """Of how many the longest pause is known."""
        return len(pace.longest_gaps)


@admin.register(Instance)
class InstanceAdmin(ReadOnlyAdmin):
    """Instances."""

    list_display = ["sop_instance_uid", "calling_ae_title", "size_bytes", "location", "received_at", "planned_at"]
    search_fields = ["sop_instance_uid"]


@admin.register(Conflict)
class ConflictAdmin(ReadOnlyAdmin):
    """Conflicts."""

    list_display = ["instance", "other", "received_at", "resolved_at", "resolved_by"]
    list_select_related = ["instance", "other"]


@admin.register(UnreadableFile)
class UnreadableFileAdmin(ReadOnlyAdmin):
    """Files that no reader understands."""

    list_display = ["name", "reason", "size_bytes", "found_at"]


@admin.register(Commitment)
class CommitmentAdmin(ReadOnlyAdmin):
    """Requests for storage commitment."""

    list_display = ["transaction_uid", "calling_ae_title", "state", "instance_count", "failed_count", "requested_at"]
    list_filter = ["state"]
    search_fields = ["transaction_uid", "calling_ae_title"]


@admin.register(IdentityClash)
class IdentityClashAdmin(ReadOnlyAdmin):
    """Identity clashes."""

    list_display = ["study", "attribute", "number_of_instances", "received_at", "resolved_at", "resolved_by"]
    list_select_related = ["study"]
    list_filter = ["attribute"]
