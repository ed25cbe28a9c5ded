"""A study at a glance, for its row in the list, and other studies of its patient: fragments of other pages."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from studies.models import Series, Study, Tier
from studies.selectors import others_of_patient

SERIES_SHOWN = 30
OTHERS_AT_A_GLANCE, OTHERS_SHOWN = 5, 50
# Modalities of series of which no thumbnail is asked (PS3.3 C.7.3.1.1.1).
WITHOUT_PICTURES = frozenset(
    {
        "",
        "SR",
        "PR",
        "KO",
        "DOC",
        "RTSTRUCT",
        "RTPLAN",
        "RTRECORD",
        "REG",
        "FID",
        "SEG",
        "ECG",
        "EPS",
        "HD",
        "AU",
        "PLAN",
    }
)


@require_GET
@permission_required("studies.view_study", raise_exception=True)
def study_glance(request: HttpRequest, study_instance_uid: str) -> HttpResponse:
    """The series of a study, and the latest other studies of its patient: a row to stand below the study's."""
    study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
    series = list(study.series.order_by("pk")[:SERIES_SHOWN])
    context = {
        "series": series,
        "pictured": pictured(study, series),
        "hidden_series": study.number_of_study_related_series - len(series),
        **_others(study, OTHERS_AT_A_GLANCE),
    }
    return render(request, "studies/_glance.html", context)


@require_GET
@permission_required("studies.view_study", raise_exception=True)
def patient_studies(request: HttpRequest, study_instance_uid: str) -> HttpResponse:
    """Other studies of a study's patient: a fragment of its page."""
    study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
    return render(request, "studies/_patient_studies.html", _others(study, OTHERS_SHOWN))


def pictured(study: Study, series: Iterable[Series]) -> set[int]:
    """Series of which a thumbnail is asked; of a study that is away none, for that would bring it back."""
    return {each.pk for each in series if study.tier == Tier.HOT and each.modality not in WITHOUT_PICTURES}


def _others(study: Study, most: int) -> dict[str, Any]:
    """With what differs in the patient's name and birth date: one identifier is not always one person."""
    found = list(others_of_patient(study)[: most + 1])
    others = [(other, _differs(study, other)) for other in found[:most]]
    return {"study": study, "others": others, "has_more_others": len(found) > most}


def _differs(study: Study, other: Study) -> str:
    if study.patient_birth_date and other.patient_birth_date and study.patient_birth_date != other.patient_birth_date:
        return _("other birth date")
    return _("other name") if study.patient_name.casefold() != other.patient_name.casefold() else ""
