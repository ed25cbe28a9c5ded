"""Addresses of the viewers."""

from django.urls import path

from gateway.viewer import ohif, ohif_config, page

urlpatterns = [
    path("viewer/", page.viewer, name="viewer"),
    path("viewer/tag-names.json", page.tag_names, name="viewer-tag-names"),
    path("ohif/", ohif.ohif, name="ohif"),
    path(f"ohif/{ohif_config.CONFIG}", ohif_config.config),
    path("ohif/<path:path>", ohif.ohif),
]
