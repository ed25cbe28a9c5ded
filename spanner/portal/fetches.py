"""Pages of fetches: studies on their way here from other archives."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST
from django.views.generic import DetailView, ListView

from spanner.answers import text_of
from spanner.errors import FetchRefused, QueryExpired, SpanFailed
from spanner.fetch.ask import BY_HAND, READER, cancel, fetch_study
from spanner.later import found_so_far
from spanner.models import Fetch, FetchState, Query
from spanner.models.fetches import OPEN
from spanner.portal.search import query_of
from spanner.question import STUDY_UID
from studies.models import Study

TABS = {
    "open": gettext_noop("Under way"),
    "failed": gettext_noop("Failed"),
    "done": gettext_noop("Done"),
    "all": gettext_noop("All"),
}
_STATES = {"open": OPEN, "failed": (FetchState.FAILED,), "done": (FetchState.DONE,), "all": tuple(FetchState)}
TO_THE_VIEWER = "viewer"


class FetchList(PermissionRequiredMixin, ListView):
    """Fetches by state."""

    permission_required = "spanner.view_fetch"
    raise_exception = True
    template_name = "spanner/fetch_list.html"
    context_object_name = "fetches"
    paginate_by = 50

    @property
    def current_tab(self) -> str:
        """The chosen tab; what is under way when none is."""
        asked = self.request.GET.get("tab", "")
        return asked if asked in TABS else "open"

    def get_queryset(self) -> QuerySet[Fetch]:
        """Of the tab."""
        return Fetch.objects.filter(state__in=_STATES[self.current_tab]).select_related("config", "source")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The tabs."""
        return super().get_context_data(
            tabs=[(name, _(label)) for name, label in TABS.items()], current_tab=self.current_tab, **kwargs
        )


class FetchPage(PermissionRequiredMixin, DetailView):
    """How far a study is on its way; whoever wants to read it is led to the viewer when it is here."""

    permission_required = "spanner.view_fetch"
    raise_exception = True
    queryset = Fetch.objects.select_related("config", "source")
    template_name = "spanner/fetch.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The page; where a script follows it, the viewer's address at the end."""
        response: HttpResponse = super().get(request, *args, **kwargs)
        is_here = self.object.state == FetchState.DONE and self.object.removed_at is None
        # Only while somebody waits at the page: who comes back to it from the viewer is not sent there again.
        if is_here and self._goes_on() and request.headers.get("HX-Request"):
            response["HX-Redirect"] = viewer_of(self.object.study_instance_uid)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """How far it is."""
        fetch: Fetch = self.object
        expected = fetch.instances_expected
        return super().get_context_data(
            percent=min(100, 100 * fetch.instances_arrived // expected) if expected else None,
            is_stored=Study.objects.filter(study_instance_uid=fetch.study_instance_uid).exists(),
            goes_on=self._goes_on(),
            **kwargs,
        )

    def _goes_on(self) -> bool:
        return self.request.GET.get("then") == TO_THE_VIEWER


def viewer_of(study_uid: str) -> str:
    """The address of the viewer with a study."""
    return f"{reverse('viewer')}?StudyInstanceUIDs={study_uid}"


@require_POST
@permission_required("studies.view_study", raise_exception=True)
def open_found(request: HttpRequest, query_id: str) -> HttpResponse:
    """Have a study that was found brought here and go to it: whoever may read may have it brought to be read."""
    return _bring(request, query_id, READER, f"?then={TO_THE_VIEWER}")


@require_POST
@permission_required("spanner.add_fetch", raise_exception=True)
def fetch_found(request: HttpRequest, query_id: str) -> HttpResponse:
    """Have a study that was found brought here."""
    return _bring(request, query_id, BY_HAND, "")


@require_POST
@permission_required("spanner.add_fetch", raise_exception=True)
def fetch_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Try anew what has failed, was cancelled or was removed again."""
    old = get_object_or_404(Fetch.objects.select_related("config"), pk=pk)
    by = request.user.get_username()
    try:
        fetch = fetch_study(old.config, old.study_instance_uid, by=by, series_uids=old.series_instance_uids)
    except FetchRefused as error:
        messages.error(request, str(error))
        fetch = old
    return HttpResponseRedirect(reverse("fetch", args=[fetch.pk]))


@require_POST
@permission_required("spanner.change_fetch", raise_exception=True)
def cancel_fetch(request: HttpRequest, pk: int) -> HttpResponse:
    """End a fetch; what has arrived stays."""
    if cancel(get_object_or_404(Fetch, pk=pk)):
        messages.success(request, _("It has ended; what had arrived stays."))
    else:
        messages.error(request, _("It had ended already."))
    return HttpResponseRedirect(reverse("fetch", args=[pk]))


def _bring(request: HttpRequest, query_id: str, priority: int, then: str) -> HttpResponse:
    uid = request.POST.get("study", "")
    try:
        query = query_of(request, query_id)
        _check_found(query, uid)
        fetch = fetch_study(query.config, uid, by=request.user.get_username(), priority=priority)
    except QueryExpired:
        return HttpResponseRedirect(reverse("span-found", args=[query_id]))  # which says so
    except FetchRefused as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("span-found", args=[query_id]))
    return HttpResponseRedirect(reverse("fetch", args=[fetch.pk]) + then)


def _check_found(query: Query, uid: str) -> None:
    """See that a study is one that this question found.

    Raises:
        FetchRefused: it is not, or two patients have studies with this UID, and nobody knows whose would come.
    """
    try:
        found = found_so_far(query)[0]
    except SpanFailed as error:
        raise FetchRefused(_("No answer is given: %(error)s.") % {"error": error}) from error
    same = [one for one in found.merged if text_of(one.row, STUDY_UID) == uid]
    if not same:
        raise FetchRefused(_("This question did not find such a study."))
    if any(one.is_conflicting for one in same):
        raise FetchRefused(_("Two patients have studies with this UID: nobody knows whose would come."))
