"""Pages that ask a federation: the form, and what is found, as the archives answer."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST
from django.views.generic import FormView, TemplateView

from spanner.errors import NoSuchQuery, QueryExpired, SpanFailed, TooManyQueries
from spanner.later import Progress, ask_later, find_query, found_so_far, progress_of
from spanner.merge import Merged
from spanner.models import Query, Source, SourceKind, SpanningConfig
from spanner.portal.rows import newest_first, shown
from spanner.portal.search_form import SearchForm, initial_of
from spanner.queries import question_of
from spanner.question import Question
from studies.query.keys import BY_TAG

SHOWN_AT_MOST = 500
DOOR = "page"
TOO_MANY = gettext_noop("Too many searches are under way just now; try again in a moment.")
# What a search by these attributes is called on the page.
_WORDS = {
    "PatientName": gettext_noop("Name"),
    "PatientID": gettext_noop("Patient ID"),
    "AccessionNumber": gettext_noop("Accession"),
    "StudyDate": gettext_noop("Study date"),
    "ModalitiesInStudy": gettext_noop("Modality"),
    "StudyDescription": gettext_noop("Description"),
    "StudyInstanceUID": gettext_noop("Study UID"),
}


def asker_of(request: HttpRequest) -> str:
    """Who alone may see an answer."""
    return f"user {request.user.pk}"


class SpanSearch(PermissionRequiredMixin, FormView):
    """What is looked for; the answer has an address of its own, which holds no value."""

    permission_required = "studies.view_study"
    raise_exception = True
    form_class = SearchForm
    template_name = "spanner/search.html"

    def get_initial(self) -> dict[str, Any]:
        """What was asked before, where the address names a question of the same person."""
        try:
            query = query_of(self.request, self.request.GET["again"])
        except (KeyError, QueryExpired, Http404):
            return {}
        question = question_of(query)
        return {"federation": query.config_id, **(initial_of(question) if question else {})}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What there is to ask."""
        return super().get_context_data(has_sources=Source.objects.exists(), **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Begin to ask."""
        try:
            query = ask_for(self.request, form.cleaned_data["federation"], form.question())
        except TooManyQueries:
            form.add_error(None, _(TOO_MANY))
            return self.form_invalid(form)
        return HttpResponseRedirect(reverse("span-found", args=[query.pk]))


class SpanFound(PermissionRequiredMixin, TemplateView):
    """What the archives have answered until now, and who has not."""

    permission_required = "studies.view_study"
    raise_exception = True
    template_name = "spanner/found.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The answer; 410 once it is not kept any more; 204 while no other source has answered than the page shows."""
        try:
            query = query_of(request, kwargs["query_id"])
        except QueryExpired:
            return self.render_to_response({"is_expired": True}, status=410)
        # What is shown already is not drawn again every second: who reads it, or is pressing a button, is left alone.
        if request.headers.get("HX-Request") and request.GET.get("answered") == str(progress_of(query).answered):
            return HttpResponse(status=204)
        merged, progress, failure = _found(query)
        context = self.get_context_data(query=query, merged=merged, progress=progress, failure=failure, **kwargs)
        return self.render_to_response(context)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Matches, and how each archive answered."""
        progress: Progress = kwargs["progress"]
        merged: list[Merged] = kwargs.pop("merged")
        page = newest_first(merged)[:SHOWN_AT_MOST]
        return super().get_context_data(
            asked=_asked(kwargs["query"]),
            missing=[row.source.name for row in progress.rows if row.state and row.state != "ok"],
            rows=shown(page, [row.source.name for row in progress.rows if row.source.kind == SourceKind.LOCAL]),
            total=len(merged),
            hidden=len(merged) - len(page),
            **kwargs,
        )


def query_of(request: HttpRequest, query_id: str) -> Query:
    """A question of the person who asks.

    Raises:
        Http404: there is none, or somebody else asked it.
        QueryExpired: its answer is not kept any more.
    """
    user: Any = request.user
    try:
        return find_query(
            query_id,
            asker=asker_of(request),
            asked_by=user.get_username(),
            is_administrator=user.is_administrator,
        )
    except NoSuchQuery as error:
        raise Http404 from error


def _found(query: Query) -> tuple[list[Merged], Progress, str]:
    try:
        found, progress = found_so_far(query)
    except SpanFailed as error:
        return [], progress_of(query), str(error)
    return found.merged, progress, ""


def _asked(query: Query) -> list[tuple[str, str]]:
    """What was looked for, in words."""
    question = question_of(query)
    pairs = [(BY_TAG[tag].keyword, value) for tag, value in question.wanted] if question else []
    return [(_(_WORDS.get(keyword, keyword)), value.replace("\\", ", ")) for keyword, value in pairs]


@require_POST
@permission_required("studies.view_study", raise_exception=True)
def ask_again(request: HttpRequest, query_id: str) -> HttpResponse:
    """Put the same question anew."""
    try:
        query = query_of(request, query_id)
        asked = question_of(query)
        if asked is None:
            raise QueryExpired(query_id)
        again = ask_for(request, query.config, asked)
    except QueryExpired:
        return HttpResponseRedirect(reverse("span-search"))
    except TooManyQueries:
        messages.error(request, _(TOO_MANY))
        return HttpResponseRedirect(reverse("span-found", args=[query_id]))
    return HttpResponseRedirect(reverse("span-found", args=[again.pk]))


def ask_for(request: HttpRequest, config: SpanningConfig, asked: Question) -> Query:
    """Begin to ask for the person who is signed in.

    Raises:
        TooManyQueries: as many are under way as this process takes.
    """
    by = request.user.get_username()
    return ask_later(config, asked, door=DOOR, asked_by=by, asker=asker_of(request))
