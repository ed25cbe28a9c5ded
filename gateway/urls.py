"""Every address of the product: pages, administration, API, health and figures."""

from django.contrib import admin
from django.urls import include, path, re_path

from gateway.health import livez, readyz
from gateway.metrics import metrics
from gateway.problems import not_found

handler500 = "gateway.problems.server_error"
urlpatterns = [
    path("", include("gateway.portal.urls")),
    path("", include("studies.portal.urls")),
    path("", include("routing.portal.urls")),
    path("", include("dicomnet.portal.urls")),
    path("", include("tiering.portal.urls")),
    path("", include("spanner.portal.urls")),
    path("", include("gateway.accounts.portal.urls")),
    path("", include("gateway.viewer.urls")),
    path("", include("gateway.audit.urls")),
    path("", include("gateway.configuration.urls")),
    path("", include("gateway.webhooks.portal.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("gateway.api_urls")),
    re_path(r"^api/", not_found),
    re_path(r"^dicom-web/span/(?P<span>[^/]{1,64})/", include("spanner.dicomweb.urls")),
    path("dicom-web/", include("studies.dicomweb.urls")),
    re_path(r"^dicom-web/", not_found),
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
