"""Addresses of the configuration's pages."""

from django.urls import path

from gateway.configuration import portal

urlpatterns = [
    path("system/configuration/", portal.configuration, name="configuration"),
    path("system/configuration/gantry.yaml", portal.download, name="configuration-export"),
    path("system/configuration/import/", portal.import_document, name="configuration-import"),
    path("system/configuration/snapshots/<int:pk>/", portal.snapshot, name="configuration-snapshot"),
]
