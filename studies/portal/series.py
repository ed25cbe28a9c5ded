"""The instances of one series: a fragment of the study page, and a page of its own without script."""

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import Count, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.functional import cached_property
from django.views.generic import ListView

from studies.models import Instance, Series


class SeriesInstances(PermissionRequiredMixin, ListView):
    """Instances of a series, a hundred at a time."""

    permission_required = "studies.view_study"
    raise_exception = True
    context_object_name = "instances"
    paginate_by = 100

    @cached_property
    def series(self) -> Series:
        """The series of the address."""
        return get_object_or_404(
            Series.objects.select_related("study"),
            study__study_instance_uid=self.kwargs["study_instance_uid"],
            series_instance_uid=self.kwargs["series_instance_uid"],
        )

    def get_queryset(self) -> QuerySet[Instance]:
        """In the order in which they came; a content that came later under the same UID has its own line."""
        return self.series.instances.annotate(conflict_count=Count("conflicts")).order_by("pk")

    def get_template_names(self) -> list[str]:
        """The fragment alone for a page that has the rest."""
        is_fragment = "HX-Request" in self.request.headers
        return ["studies/_instances.html" if is_fragment else "studies/series_instances.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The series besides."""
        return super().get_context_data(series=self.series, study=self.series.study, **kwargs)
