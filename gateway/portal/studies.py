"""The study list, the page of one study, and its trace: the archive together with what routing knows of it."""

from typing import Any

from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import DetailView, ListView

from gateway.batches.prepare import MAXIMUM_STUDIES
from gateway.portal.columns import COLUMNS, DEFAULT, choose_columns, chosen_columns, forget_columns
from gateway.portal.forms import StudyListForm
from gateway.portal.list_address import EVERYTHING, back_to_list, list_address
from gateway.portal.models import SavedFilter
from gateway.portal.study_rows import study_rows
from gateway.portal.who import person
from gateway.trace import trace
from routing.models import Destination
from routing.selectors import deliveries_by_destination, deliveries_of_studies
from studies.choices import Choices, list_choices
from studies.models import Study
from studies.portal.forms import PAGE_SIZES, PERIODS, ordering_of, page_size_of
from studies.portal.glance import pictured
from studies.portal.pages import StudyPages
from studies.selectors import conflicts, identity_clashes
from studies.sight import current_sight
from tiering.forecast import Forecast
from tiering.selectors import open_move_of, tiers_to_choose

TIER_CHANGES_SHOWN = 20


class StudyList(PermissionRequiredMixin, ListView):
    """Stored studies by filter; all of its state is in the address."""

    permission_required = "studies.view_study"
    raise_exception = True
    template_name = "studies/study_list.html"
    context_object_name = "studies"
    paginator_class = StudyPages

    @cached_property
    def choices(self) -> Choices:
        """What can be filtered by."""
        return list_choices()

    @cached_property
    def form(self) -> StudyListForm:
        """The filters in the address."""
        return StudyListForm(self.request.GET, choices=self.choices)

    @cached_property
    def shown(self) -> frozenset[str]:
        """Names of the columns that the person sees."""
        chosen = chosen_columns(person(self.request))
        return DEFAULT if chosen is None else chosen

    @cached_property
    def saved(self) -> list[SavedFilter]:
        """The person's filters."""
        return list(SavedFilter.objects.filter(user=person(self.request)))

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The bare address begins with the person's default filter."""
        default = next((each for each in self.saved if each.is_default), None)
        if default and not request.GET and "HX-Request" not in request.headers:
            return HttpResponseRedirect(list_address(default.query))
        return super().get(request, *args, **kwargs)

    def get_paginate_by(self, queryset: Any) -> int:
        """25, 50 or 100 rows."""
        return page_size_of(self.request.GET.get("page_size", ""))

    def get_paginator(self, *args: Any, **kwargs: Any) -> Any:
        """Of a filtered list not everything is counted."""
        paginator: Any = super().get_paginator(*args, **kwargs)
        paginator.is_filtered = not self.form.is_empty() or current_sight() is not None
        return paginator

    def get_queryset(self) -> QuerySet[Study]:
        """What the filters ask for."""
        _, fields = ordering_of(self.request.GET.get("ordering", ""))
        studies = self.form.studies().order_by(*fields)
        return studies.prefetch_related("labels") if "labels" in self.shown else studies

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Each study with its deliveries."""
        context = super().get_context_data(**kwargs)
        studies = list(context["page_obj"])
        sums = deliveries_of_studies(studies) if "deliveries" in self.shown else {}
        has_default = any(each.is_default for each in self.saved)
        is_own_choice = chosen_columns(person(self.request)) is not None
        # What people have chosen themselves stays, however narrow the page is.
        less_needed = "" if is_own_choice else " less-needed"
        return context | {
            "form": self.form,
            "choices": self.choices,
            "rows": study_rows(
                ((study, sums.get(study.pk)) for study in studies), self.shown, timezone.now(), less_needed
            ),
            "ordering": ordering_of(self.request.GET.get("ordering", ""))[0],
            "page_size": self.get_paginate_by(self.object_list),
            "page_sizes": PAGE_SIZES,
            "periods": [("", _("Any date")), *((name, period[0]) for name, period in PERIODS.items())],
            "is_filtered": not self.form.is_empty(),
            "query": self.form.query(),
            "maximum_batch": MAXIMUM_STUDIES,
            "saved": self.saved,
            "has_default": has_default,
            "everything": f"{reverse('study-list')}{'?' + EVERYTHING if has_default else ''}",
            "columns": COLUMNS,
            # By name, as a template asks for each cell.
            "shown": dict.fromkeys(self.shown, True),
            "is_own_choice": is_own_choice,
            "less_needed": less_needed,
            "menu_fields": (menu := self.form.in_the_menu(self.shown)),
            "menu_values": [(field.name, field.value()) for field in menu],
            "menu_count": self.form.used_in_the_menu(self.shown),
        }


@require_POST
@permission_required("studies.view_study", raise_exception=True)
def study_columns(request: HttpRequest) -> HttpResponse:
    """Keep the columns that a person chose, or go back to the usual ones."""
    if "usual" in request.POST:
        forget_columns(person(request))
    else:
        choose_columns(person(request), request.POST.getlist("column"))
    return back_to_list(request)


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
            raise Http404(_("No stored study has the Study Instance UID %(uid)s.") % {"uid": uid})
        return study

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Everything but the instances and the trace, which the page asks for when they are looked at."""
        found = (
            self.object.series.order_by()
            .values("instances__sop_class_uid", "instances__transfer_syntax_uid")
            .annotate(
                count=Count("instances"),
                odd=Count("instances", filter=~Q(instances__header_note="")),
            )
            .order_by("-count")
        )
        kinds = [kind for kind in found if kind["count"]]
        series = list(self.object.series.order_by("pk"))
        move = open_move_of(self.object)
        return super().get_context_data(
            series=series,
            pictured=pictured(self.object, series),
            kinds=kinds,
            conflicts=conflicts().filter(instance__series__study=self.object),
            odd_count=sum(kind["odd"] for kind in kinds),
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


@require_GET
@permission_required("studies.view_study", raise_exception=True)
def study_trace(request: HttpRequest, study_instance_uid: str) -> HttpResponse:
    """What happened to a study, in order of time: a fragment of its page."""
    study = get_object_or_404(Study, study_instance_uid=study_instance_uid)
    return render(request, "studies/_trace.html", {"events": trace(study)})
