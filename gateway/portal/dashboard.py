"""The dashboard: figures, lanes, what came in; on an empty installation the first steps."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from gateway.health import why_closed
from gateway.portal.figures import figures, first_steps, received_chart
from routing.selectors import deliveries_of_studies, lanes
from studies.selectors import StudyFilters, list_studies

LATEST_STUDIES = 8


@require_GET
def dashboard(request: HttpRequest) -> HttpResponse:
    """The page, or its live part for a page that is open already."""
    all_lanes = lanes()
    context = {"lanes": all_lanes, "figures": figures(all_lanes), "closed": why_closed()}
    if request.headers.get("HX-Target") == "live":
        return render(request, "portal/_live.html", context)
    latest = list(list_studies(StudyFilters())[:LATEST_STUDIES])
    sums = deliveries_of_studies(latest)
    context |= {
        "chart": received_chart(),
        "latest": [(study, sums.get(study.pk)) for study in latest],
        "steps": None if latest else first_steps(),
        "dicom_host": settings.GANTRY.dicom_bind[0],
        "dicom_port": settings.GANTRY.dicom_bind[1],
    }
    return render(request, "portal/dashboard.html", context)
