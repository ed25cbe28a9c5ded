"""Pages that ask a federation: the form, and what is found, as the archives answer."""

from typing import Any

from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.generic import FormView, TemplateView

from spanner.errors import NoSuchQuery, QueryExpired, SpanFailed, TooManyQueries
from spanner.later import Progress, ask_later, find_query, found_so_far, progress_of
from spanner.models import Query, Source
from spanner.portal.forms import SearchForm
from spanner.portal.rows import Shown, shown, stored_here
from spanner.queries import question_of
from studies.query.keys import BY_TAG

SHOWN_AT_MOST = 500
DOOR = "page"
# What a search by these attributes is called on the page.
_WORDS = {
    "PatientName": "Name",
    "PatientID": "Patient ID",
    "AccessionNumber": "Accession",
    "StudyDate": "Study date",
    "ModalitiesInStudy": "Modality",
    "StudyDescription": "Description",
    "StudyInstanceUID": "Study UID",
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

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What there is to ask."""
        return super().get_context_data(has_sources=Source.objects.exists(), **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Begin to ask."""
        try:
            query = ask_later(
                form.cleaned_data["federation"],
                form.question(),
                door=DOOR,
                asked_by=self.request.user.get_username(),
                asker=asker_of(self.request),
            )
        except TooManyQueries:
            form.add_error(None, "Too many searches are under way just now; try again in a moment.")
            return self.form_invalid(form)
        return HttpResponseRedirect(reverse("span-found", args=[query.pk]))


class SpanFound(PermissionRequiredMixin, TemplateView):
    """What the archives have answered until now, and who has not."""

    permission_required = "studies.view_study"
    raise_exception = True
    template_name = "spanner/found.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The answer; 410 once it is not kept any more."""
        try:
            query = query_of(request, kwargs["query_id"])
        except QueryExpired:
            return self.render_to_response({"is_expired": True}, status=410)
        return self.render_to_response(self.get_context_data(query=query, **kwargs))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Matches, and how each archive answered."""
        query: Query = kwargs["query"]
        rows, total, failure = _found(query)
        progress = progress_of(query)
        return super().get_context_data(
            asked=_asked(query),
            progress=progress,
            missing=_missing(progress),
            rows=rows,
            total=total,
            hidden=max(0, total - len(rows)),
            failure=failure,
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


def _found(query: Query) -> tuple[list[Shown], int, str]:
    try:
        found, _ = found_so_far(query)
    except SpanFailed as error:
        return [], 0, str(error)
    page = found.merged[:SHOWN_AT_MOST]
    return shown(page, stored_here(page)), len(found.merged), ""


def _asked(query: Query) -> list[tuple[str, str]]:
    """What was looked for, in words."""
    question = question_of(query)
    pairs = [(BY_TAG[tag].keyword, value) for tag, value in question.wanted] if question else []
    return [(_WORDS.get(keyword, keyword), value.replace("\\", ", ")) for keyword, value in pairs]


def _missing(progress: Progress) -> list[str]:
    return [row.source.name for row in progress.rows if row.state and row.state != "ok"]
