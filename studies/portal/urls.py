"""Addresses of the archive's own pages."""

from django.urls import path

from studies.portal import commitments, conflicts, downloads, glance, labels, odd, series, uploads

urlpatterns = [
    path("studies/<str:study_instance_uid>/glance/", glance.study_glance, name="study-glance"),
    path("studies/<str:study_instance_uid>/others/", glance.patient_studies, name="study-others"),
    path("studies/<str:study_instance_uid>/labels/", labels.add_label, name="study-label"),
    path("studies/<str:study_instance_uid>/labels/remove/", labels.remove_label, name="study-unlabel"),
    path(
        "studies/<str:study_instance_uid>/series/<str:series_instance_uid>/",
        series.SeriesInstances.as_view(),
        name="series-instances",
    ),
    path("studies/<str:study_instance_uid>/archive.zip", downloads.study_zip, name="study-zip"),
    path(
        "studies/<str:study_instance_uid>/series/<str:series_instance_uid>/archive.zip",
        downloads.series_zip,
        name="series-zip",
    ),
    path(
        "studies/<str:study_instance_uid>/instances/<str:sop_instance_uid>/file/",
        downloads.instance_file,
        name="instance-file",
    ),
    path("upload/", uploads.upload, name="upload"),
    path("upload/file/", uploads.upload_file, name="upload-file"),
    path("odd/", odd.OddList.as_view(), name="odd-list"),
    path("conflicts/", conflicts.ConflictList.as_view(), name="conflict-list"),
    path("conflicts/<int:pk>/seen/", conflicts.conflict_seen, name="conflict-seen"),
    path("conflicts/<int:pk>/choose/", conflicts.choose, name="conflict-choose"),
    path("conflicts/identity/", conflicts.IdentityClashList.as_view(), name="identity-clash-list"),
    path("conflicts/identity/<int:pk>/seen/", conflicts.clash_seen, name="identity-clash-seen"),
    path("commitments/", commitments.CommitmentList.as_view(), name="commitment-list"),
    path("commitments/<int:pk>/", commitments.CommitmentItems.as_view(), name="commitment-detail"),
    path("commitments/<int:pk>/send/", commitments.report_again, name="commitment-send"),
]
