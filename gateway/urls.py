"""Every address of the product: pages, administration, API, health and figures."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("", include("gateway.portal.urls")),
    path("", include("studies.portal.urls")),
    path("", include("routing.portal.urls")),
    path("", include("dicomnet.portal.urls")),
    path("admin/", admin.site.urls),
]
