"""The study list, the page of one study, and its trace: the archive together with what routing knows of it."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.functional import cached_property
from django.views.decorators.http import require_GET
from django.views.generic import DetailView, ListView

from gateway.trace import trace
from routing.models import Destination
from routing.selectors import deliveries_by_destination, deliveries_of_studies
from studies.models import Series, Study, Tier
from studies.pages import LargePages
from studies.portal.forms import PAGE_SIZES, PERIODS, StudyFilterForm, ordering_of, page_size_of
from studies.selectors import conflicts, identity_clashes, known_modalities, list_studies, odd_instances
from tiering.forecast import Forecast
from tiering.selectors import open_move_of, tiers_to_choose

TIER_CHANGES_SHOWN = 20
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


class StudyList(PermissionRequiredMixin, ListView):
    """Stored studies by filter; all of its state is in the address."""

    permission_required = "studies.view_study"
    raise_exception = True
    template_name = "studies/study_list.html"
    paginator_class = LargePages
    context_object_name = "studies"

    @cached_property
    def form(self) -> StudyFilterForm:
        """The filters in the address."""
        return StudyFilterForm(self.request.GET, modalities=known_modalities())

    def get_paginate_by(self, queryset: Any) -> int:
        """25, 50 or 100 rows."""
        return page_size_of(self.request.GET.get("page_size", ""))

    def get_queryset(self) -> QuerySet[Study]:
        """What the filters ask for."""
        _, fields = ordering_of(self.request.GET.get("ordering", ""))
        return list_studies(self.form.filters()).order_by(*fields)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Each study with its deliveries."""
        context = super().get_context_data(**kwargs)
        studies = list(context["page_obj"])
        sums = deliveries_of_studies(studies)
        return context | {
            "form": self.form,
            "rows": [(study, sums.get(study.pk)) for study in studies],
            "ordering": ordering_of(self.request.GET.get("ordering", ""))[0],
            "page_size": self.get_paginate_by(self.object_list),
            "page_sizes": PAGE_SIZES,
            "periods": [("", "Any date"), *((name, period[0]) for name, period in PERIODS.items())],
            "is_filtered": not self.form.is_empty(),
        }


class StudyDetail(PermissionRequiredMixin, DetailView):
    """One study: patient, series, where it is, where it went."""

    permission_required = "studies.view_study"
    raise_exception = True
    template_name = "studies/study_detail.html"

    def get_object(self, queryset: QuerySet[Study] | None = None) -> Study:
        """By its UID; one that is not stored is told in words."""
        uid = self.kwargs["study_instance_uid"]
        study = Study.objects.filter(study_instance_uid=uid).first()
        if study is None:
            raise Http404(f"No stored study has the Study Instance UID {uid}.")
        return study

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Everything but the instances and the trace, which the page asks for when they are looked at."""
        kinds = (
            self.object.series.order_by()
            .values("instances__sop_class_uid", "instances__transfer_syntax_uid")
            .annotate(count=Count("instances"))
            .order_by("-count")
        )
        series = list(self.object.series.order_by("pk"))
        move = open_move_of(self.object)
        return super().get_context_data(
            series=series,
            pictured=_pictured(self.object, series),
            kinds=[kind for kind in kinds if kind["count"]],
            conflicts=conflicts().filter(instance__series__study=self.object),
            odd_count=odd_instances().filter(series__study=self.object).count(),
            clashes=sorted({clash.attribute_words for clash in identity_clashes().filter(study=self.object)}),
            destinations=deliveries_by_destination(self.object),
            send_to=Destination.objects.only("name", "is_enabled"),
            labels=self.object.labels.all(),
            move=move,
            is_open=bool(move),
            progress=Forecast().of(move) if move else None,
            tier_changes=self.object.tier_changes.all()[:TIER_CHANGES_SHOWN],
            tiers_to_choose=tiers_to_choose(self.object),
            **kwargs,
        )


def _pictured(study: Study, series: list[Series]) -> set[int]:
    """Series of which a thumbnail is asked; of a study that is away none, for that would bring it back."""
    return {each.pk for each in series if study.tier == Tier.HOT and each.modality not in WITHOUT_PICTURES}


@require_GET
@permission_required("studies.view_study", raise_exception=True)
def study_trace(request: HttpRequest, study_instance_uid: str) -> HttpResponse:
    """What happened to a study, in order of time: a fragment of its page."""
    study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
    return render(request, "studies/_trace.html", {"events": trace(study)})
