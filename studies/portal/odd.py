"""The page of odd files: headers that were read as well as they go, and files that no reader understands."""

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.views.generic import ListView

from studies.models import Instance, UnreadableFile
from studies.selectors import odd_instances, open_counts

MAXIMUM_SHOWN = 200  # of unreadable files; the API has all


class OddList(PermissionRequiredMixin, ListView):
    """Instances with a note, newest first, and the latest unreadable files."""

    permission_required = ("studies.view_instance", "studies.view_unreadablefile")
    raise_exception = True
    template_name = "studies/odd_list.html"
    context_object_name = "instances"
    paginate_by = 50

    def get_queryset(self) -> QuerySet[Instance]:
        """With their studies, in one query."""
        return odd_instances().select_related("series__study").order_by("-pk")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The files that are no instances, and what the other tabs count."""
        return super().get_context_data(
            open=open_counts(),
            unreadable=UnreadableFile.objects.all()[:MAXIMUM_SHOWN],
            unreadable_count=UnreadableFile.objects.count(),
            **kwargs,
        )
