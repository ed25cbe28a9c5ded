"""The audit trail in Django admin: to look at."""

from django.contrib import admin

from gateway.audit.models import AuditRecord
from studies.admin import ReadOnlyAdmin


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyAdmin):
    """Records."""

    list_display = ["at", "action", "actor", "address", "patient_id", "study_instance_uid", "subject", "number"]
    list_filter = ["action", "actor_kind"]
    search_fields = ["=patient_id", "=study_instance_uid", "=actor"]
