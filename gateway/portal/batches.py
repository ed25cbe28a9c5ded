"""Many studies at once: choose in the list, confirm, see what became of each; and what is downloaded at once."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.generic import ListView

from gateway.batches.actions import ACTIONS
from gateway.batches.export import study_lines
from gateway.batches.models import Batch, BatchItem, BatchState, ItemState
from gateway.batches.prepare import MAXIMUM_STUDIES, chosen_studies, draft, matching_studies, start
from gateway.portal.list_address import back_to_list
from gateway.portal.who import person
from studies.models import Study
from studies.portal.downloads import ZipTooLarge, studies_zip


@require_POST
@permission_required("studies.view_study", raise_exception=True)
def choose(request: HttpRequest) -> HttpResponseBase:
    """What was chosen in the list: as a file at once, or as a batch to be confirmed."""
    query, action = request.POST.get("query", ""), request.POST.get("action", "")
    studies = matching_studies(query) if "all" in request.POST else chosen_studies(request.POST.getlist("study"))
    if action == "csv":
        return _csv(studies)
    if action == "zip":
        return _zip(request, studies)
    if action not in ACTIONS:
        raise BadRequest(_("There is no such action."))
    if not request.user.has_perm(ACTIONS[action].permission):
        raise PermissionDenied
    batch = draft(person(request), action, studies)
    if batch is None:
        messages.error(request, _("Choose a study first."))
        return back_to_list(request)
    return HttpResponseRedirect(reverse("batch", args=[batch.pk]))


class BatchPage(ListView):
    """One batch: to be confirmed, under way, or done."""

    template_name = "batches/batch.html"
    context_object_name = "items"
    paginate_by = 100

    @cached_property
    def batch(self) -> Batch:
        """The batch of the address: one's own, or for an administrator anybody's."""
        everybody = Batch.objects.filter(pk=self.kwargs["pk"])
        user = person(self.request)
        batches = everybody if user.is_administrator else everybody.filter(user=user)
        return _allowed(self.request, get_object_or_404(batches))

    def get_queryset(self) -> QuerySet[BatchItem]:
        """What was not done before what was, once it is over."""
        items = BatchItem.objects.filter(batch=self.batch).select_related("study")
        return items.order_by("-state", "pk") if self.batch.state == BatchState.DONE else items.order_by("pk")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Counts by state, and the form while it waits for a word."""
        counts: dict[str, int] = dict(
            BatchItem.objects.filter(batch=self.batch).order_by().values_list("state").annotate(count=Count("pk"))
        )
        is_draft = self.batch.state == BatchState.DRAFT
        return super().get_context_data(
            batch=self.batch,
            action=ACTIONS[self.batch.action],
            total=sum(counts.values()),
            counts={state: counts.get(state, 0) for state in ItemState.values},
            maximum=MAXIMUM_STUDIES,
            form=kwargs.pop("form", None) or (ACTIONS[self.batch.action].form() if is_draft else None),
            **kwargs,
        )


@require_POST
def confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin it, once: pressed again, it shows how far it is."""
    batch = _allowed(request, get_object_or_404(Batch, pk=pk, user=person(request)))
    form = ACTIONS[batch.action].form(request.POST)
    if batch.state == BatchState.DRAFT and not form.is_valid():
        return _again(request, batch, form)
    if batch.state == BatchState.DRAFT:
        start(batch, form.cleaned_data)
    return HttpResponseRedirect(reverse("batch", args=[pk]))


def _again(request: HttpRequest, batch: Batch, form: forms.Form) -> HttpResponse:
    page = BatchPage()
    page.setup(request, pk=batch.pk)
    page.object_list = page.get_queryset()
    return render(request, page.template_name, page.get_context_data(form=form), status=422)


def _allowed(request: HttpRequest, batch: Batch) -> Batch:
    if not request.user.has_perm(ACTIONS[batch.action].permission):
        raise PermissionDenied
    return batch


def _csv(studies: QuerySet[Study]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(study_lines(studies), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="studies.csv"'
    response["Cache-Control"] = "private, no-store"
    return response


def _zip(request: HttpRequest, studies: QuerySet[Study]) -> HttpResponseBase:
    try:
        return studies_zip(studies)
    except ZipTooLarge as error:
        messages.error(request, str(error))
        return back_to_list(request)
