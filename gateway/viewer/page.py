"""The viewer's page: which studies and series there are; everything else its script asks for by DICOMweb."""

from collections.abc import Sequence
from typing import Any

from csp.constants import SELF
from csp.decorators import csp_update
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_GET
from pydicom._dicom_dict import DicomDictionary

from gateway.portal.words import clock_time, iso_date, person_name
from gateway.viewer.bundle import bundle
from gateway.viewer.ohif import is_installed
from gateway.viewer.words import translated
from studies.admission import is_uid
from studies.models import Series, Study, Tier
from studies.seeding.marks import is_record
from studies.selectors import studies_with_series
from studies.wanted import want
from tiering.forecast import Forecast, Progress
from tiering.models import Move
from tiering.selectors import open_move_of

MAXIMUM_STUDIES = 8
# Cornerstone sets styles on its own elements, and its decoders are WebAssembly in workers; nothing is evaluated.
POLICY = {
    "script-src": [SELF, "'wasm-unsafe-eval'"],
    "worker-src": [SELF, "blob:"],
    "style-src": [SELF, "'unsafe-inline'"],
    "img-src": [SELF, "data:", "blob:"],
}


@require_GET
@permission_required("studies.view_study", raise_exception=True)
@csp_update(POLICY)
def viewer(request: HttpRequest) -> HttpResponse:
    """``/viewer/?StudyInstanceUIDs=<uid>``: one UID or several, repeated or separated by commas."""
    found = bundle()
    uids = asked_uids(request.GET.getlist("StudyInstanceUIDs"))
    studies = studies_with_series(uids)
    if found is None:
        return render(request, "viewer/not_built.html", {"uids": uids, "may_ohif": is_installed()}, status=503)
    if not studies:
        raise Http404(_("No stored study has this Study Instance UID.") if uids else _("The address names no study."))
    return render(
        request,
        "viewer/viewer.html",
        {
            "bundle": found,
            "study": studies[0],
            "studies": studies,
            "away": _away(studies),
            "without_images": _without_images(studies),
            "may_ohif": is_installed(),
            "ohif_query": ",".join(study.study_instance_uid for study in studies),
            "config": {
                "main": found.main,
                "dicomweb": "/dicom-web",
                "wasm": found.wasm,
                "tagNames": "/viewer/tag-names.json",
                "words": translated(),
                "studies": [_study(study) for study in studies],
            },
        },
    )


@require_GET
@cache_control(private=True, max_age=86_400)
def tag_names(_request: HttpRequest) -> JsonResponse:
    """Names of the data dictionary (PS3.6 6) by their tags, for the tags browser."""
    return JsonResponse({f"{tag:08X}": entry[2] for tag, entry in DicomDictionary.items()})


def asked_uids(values: list[str]) -> list[str]:
    """The UIDs in an address, each once, in order; what is no UID is left out."""
    parts = [part.strip() for value in values for part in value.split(",")]
    return list(dict.fromkeys(part for part in parts if is_uid(part)))[:MAXIMUM_STUDIES]


def _away(studies: Sequence[Study]) -> list[tuple[Study, Move | None, Progress | None]]:
    """Studies that are not on the hot disk, each with the move that brings it back: opening them asks for that."""
    found = []
    for study in studies:
        series = next(iter(study.series.all()), None)
        if study.tier == Tier.HOT or series is None:
            continue
        want(series.pk, by="the viewer")
        move = open_move_of(study)
        found.append((study, move, Forecast().of(move) if move else None))
    return found


def _without_images(studies: Sequence[Study]) -> list[Study]:
    """Those that ``manage.py seed`` made as rows alone."""
    away = [study.pk for study in studies if study.tier != Tier.HOT]
    return list(Study.objects.filter(is_record(), pk__in=away)) if away else []


def _study(study: Study) -> dict[str, Any]:
    return {
        "uid": study.study_instance_uid,
        "patientName": person_name(study.patient_name),
        "date": iso_date(study.study_date),
        "time": clock_time(study.study_time),
        "description": study.study_description,
        "series": [_series(series) for series in sorted(study.series.all(), key=_order)],
    }


def _series(series: Series) -> dict[str, Any]:
    return {
        "uid": series.series_instance_uid,
        "number": series.series_number,
        "modality": series.modality,
        "description": series.series_description,
        "count": series.number_of_series_related_instances,
    }


def _order(series: Series) -> tuple[int, int]:
    number = series.series_number.strip()
    return (int(number) if number.lstrip("-").isdecimal() else 1 << 31, series.pk)
