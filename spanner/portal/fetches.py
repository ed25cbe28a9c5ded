"""Pages of fetches: studies on their way here from other archives."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST
from django.views.generic import ListView

from spanner.errors import FetchRefused
from spanner.fetch.ask import cancel, fetch_study
from spanner.models import Fetch, FetchState
from spanner.models.fetches import OPEN
from spanner.portal.search import query_of

TABS = {"open": "Under way", "failed": "Failed", "done": "Done", "all": "All"}
_STATES = {"open": OPEN, "failed": (FetchState.FAILED,), "done": (FetchState.DONE,), "all": tuple(FetchState)}


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
        return super().get_context_data(tabs=list(TABS.items()), current_tab=self.current_tab, **kwargs)


@require_POST
@permission_required("spanner.add_fetch", raise_exception=True)
def fetch_found(request: HttpRequest, query_id: str) -> HttpResponse:
    """Have a study that was found brought here."""
    query = query_of(request, query_id)
    try:
        fetch_study(query.config, request.POST.get("study", ""), by=request.user.get_username())
    except FetchRefused as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(reverse("span-found", args=[query_id]))
    messages.success(request, "The study is being brought here.")
    return HttpResponseRedirect(reverse("fetch-list"))


@require_POST
@permission_required("spanner.change_fetch", raise_exception=True)
def cancel_fetch(request: HttpRequest, pk: int) -> HttpResponse:
    """End a fetch; what has arrived stays."""
    if cancel(get_object_or_404(Fetch, pk=pk)):
        messages.success(request, "It has ended; what had arrived stays.")
    else:
        messages.error(request, "It had ended already.")
    return HttpResponseRedirect(reverse("fetch-list"))
