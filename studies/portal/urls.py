"""Addresses of the archive's own pages."""

from django.urls import path

from studies.portal import conflicts, odd, series

urlpatterns = [
    path(
        "studies/<str:study_instance_uid>/series/<str:series_instance_uid>/",
        series.SeriesInstances.as_view(),
        name="series-instances",
    ),
    path("odd/", odd.OddList.as_view(), name="odd-list"),
    path("conflicts/", conflicts.ConflictList.as_view(), name="conflict-list"),
    path("conflicts/<int:pk>/seen/", conflicts.mark_as_seen, name="conflict-seen"),
]
