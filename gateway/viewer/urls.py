"""Addresses of the viewers."""

from django.urls import path

from gateway.viewer import ohif, page

urlpatterns = [
    path("viewer/", page.viewer, name="viewer"),
    path("viewer/tag-names.json", page.tag_names, name="viewer-tag-names"),
    path("ohif/", ohif.ohif, name="ohif"),
    path("ohif/<path:path>", ohif.ohif),
]
