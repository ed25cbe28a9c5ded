"""Test studies in Django admin: to look at."""

from django.contrib import admin

from gateway.samples.models import SampleStudy
from studies.admin import ReadOnlyAdmin


@admin.register(SampleStudy)
class SampleStudyAdmin(ReadOnlyAdmin):
    """Test studies."""

    list_display = ["study_instance_uid", "state", "sent", "instances", "user", "created_at"]
    list_filter = ["state"]
    list_select_related = ["user"]
