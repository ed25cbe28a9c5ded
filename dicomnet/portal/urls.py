"""Addresses of the allowlist's pages."""

from django.urls import path

from dicomnet.portal import allowlist

urlpatterns = [
    path("allowlist/", allowlist.AllowlistPage.as_view(), name="allowlist"),
    path("allowlist/new/", allowlist.AllowlistCreate.as_view(), name="allowlist-create"),
    path("allowlist/<int:pk>/", allowlist.AllowlistUpdate.as_view(), name="allowlist-update"),
    path("allowlist/<int:pk>/delete/", allowlist.AllowlistDelete.as_view(), name="allowlist-delete"),
]
