"""Addresses of the pages that span apps."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from gateway.languages.choose import choose_language
from gateway.portal import batches, dashboard, events, first_steps, licences, saved_filters, sign_in, studies, system

urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    path("first-steps/", first_steps.show_steps, name="first-steps"),
    path("first-steps/hide/", first_steps.hide_steps, name="first-steps-hide"),
    path("first-steps/test-study/", first_steps.send_test_study, name="test-study"),
    path("sign-in/", sign_in.SignIn.as_view(), name="sign-in"),
    path("sign-in/code/", sign_in.SignInCode.as_view(), name="sign-in-code"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("language/", choose_language, name="language"),
    path("studies/", studies.StudyList.as_view(), name="study-list"),
    path("studies/columns/", studies.study_columns, name="study-columns"),
    path("studies/batch/", batches.choose, name="batch-create"),
    path("studies/batches/<int:pk>/", batches.BatchPage.as_view(), name="batch"),
    path("studies/batches/<int:pk>/confirm/", batches.confirm, name="batch-confirm"),
    path("studies/filters/", saved_filters.save_filter, name="filter-save"),
    path("studies/filters/<int:pk>/default/", saved_filters.switch_default, name="filter-default"),
    path("studies/filters/<int:pk>/delete/", saved_filters.delete_filter, name="filter-delete"),
    path("studies/<str:study_instance_uid>/", studies.StudyDetail.as_view(), name="study-detail"),
    path("studies/<str:study_instance_uid>/trace/", studies.study_trace, name="study-trace"),
    path("system/", system.system, name="system"),
    path("system/lights/", system.lights, name="system-lights"),
    path("system/events/", events.Events.as_view(), name="system-events"),
    path("system/licences/", licences.licences, name="licences"),
    path("system/licences/<str:ecosystem>/<path:name>/", licences.licence_text, name="licence-text"),
]
