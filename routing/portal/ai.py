"""Pages of the AI workers: the board, requests, results with the quarantine, and the forms."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.messages.views import SuccessMessageMixin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext
from django.views.decorators.http import require_POST
from django.views.generic import CreateView, ListView, TemplateView, UpdateView

from routing.ai import release, requests, selectors
from routing.ai.board import board, quarantined
from routing.ai.models import AIPool, AIRequest, AIResult, AIWorker
from routing.ai.workers import echo_worker
from routing.models import Destination
from routing.portal.ai_forms import AIPoolForm, AIWorkerForm

REQUEST_LABELS = {
    "open": gettext_noop("Open"),
    "answered": gettext_noop("Answered"),
    "failed": gettext_noop("Failed"),
    "cancelled": gettext_noop("Cancelled"),
    "all": gettext_noop("All"),
}
RESULT_LABELS = {
    "quarantined": gettext_noop("Quarantined"),
    "accepted": gettext_noop("Accepted"),
    "duplicate": gettext_noop("Duplicates"),
    "kept": gettext_noop("Kept back"),
    "all": gettext_noop("All"),
}


class AIBoard(PermissionRequiredMixin, TemplateView):
    """Every pool with its workers, live."""

    permission_required = "routing.view_aipool"
    raise_exception = True
    template_name = "routing/ai_board.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The pools, and what asks for a decision."""
        return super().get_context_data(boards=board(), quarantined=quarantined().count(), **kwargs)


class _TabbedList(PermissionRequiredMixin, ListView):
    """Rows of one tab, newest first."""

    raise_exception = True
    paginate_by = 50
    labels: dict[str, str] = {}

    @property
    def current_tab(self) -> str:
        """The chosen tab; the first when none is."""
        asked = self.request.GET.get("tab", "")
        return asked if asked in self.labels else next(iter(self.labels))

    def tabs(self, counts: dict[str, int]) -> list[dict[str, Any]]:
        """For the template."""
        return [{"name": name, "label": _(label), "count": counts[name]} for name, label in self.labels.items()]


class AIRequestList(_TabbedList):
    """What pools were asked."""

    permission_required = "routing.view_airequest"
    template_name = "routing/ai_request_list.html"
    context_object_name = "requests"
    labels = REQUEST_LABELS

    def get_queryset(self) -> QuerySet[AIRequest]:
        """Of the tab."""
        return selectors.list_requests(selectors.REQUEST_TABS[self.current_tab])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The tabs with their counts."""
        tabs = self.tabs(selectors.request_counts())
        return super().get_context_data(tabs=tabs, current_tab=self.current_tab, **kwargs)


class AIResultList(_TabbedList):
    """What workers sent; first what waits for somebody's decision."""

    permission_required = "routing.view_airesult"
    template_name = "routing/ai_result_list.html"
    context_object_name = "results"
    labels = RESULT_LABELS

    def get_queryset(self) -> QuerySet[AIResult]:
        """Of the tab."""
        return selectors.list_results(selectors.RESULT_TABS[self.current_tab])

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The tabs with their counts."""
        tabs = self.tabs(selectors.result_counts())
        return super().get_context_data(tabs=tabs, current_tab=self.current_tab, **kwargs)


class _PoolEdit(PermissionRequiredMixin, SuccessMessageMixin):
    raise_exception = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether there is anywhere for results to go."""
        context: dict[str, Any] = super().get_context_data(  # type: ignore[misc]  # Django's view follows in the MRO
            has_destinations=Destination.objects.exists(), **kwargs
        )
        return context


class AIPoolCreate(_PoolEdit, CreateView):
    """A new pool."""

    permission_required = "routing.add_aipool"
    model = AIPool
    form_class = AIPoolForm
    template_name = "routing/ai_pool_form.html"
    success_url = reverse_lazy("ai-board")
    success_message = gettext_lazy("%(name)s is added. Give it a worker, then name it in a rule.")


class AIPoolUpdate(_PoolEdit, UpdateView):
    """A pool's settings."""

    permission_required = "routing.change_aipool"
    model = AIPool
    form_class = AIPoolForm
    template_name = "routing/ai_pool_form.html"
    success_url = reverse_lazy("ai-board")
    success_message = gettext_lazy("%(name)s is saved.")


class AIWorkerCreate(PermissionRequiredMixin, SuccessMessageMixin, CreateView):
    """A new worker; the board's link names its pool."""

    permission_required = "routing.add_aiworker"
    raise_exception = True
    model = AIWorker
    form_class = AIWorkerForm
    template_name = "routing/ai_worker_form.html"
    success_url = reverse_lazy("ai-board")
    success_message = gettext_lazy("%(name)s is added. Press Echo to see whether it answers.")

    def get_initial(self) -> dict[str, Any]:
        """The pool in the address, or the first there is."""
        asked = self.request.GET.get("pool", "")
        pool = AIPool.objects.filter(pk=asked).first() if asked.isdecimal() else None
        return {"pool": pool or AIPool.objects.first()}


class AIWorkerUpdate(PermissionRequiredMixin, SuccessMessageMixin, UpdateView):
    """A worker's settings."""

    permission_required = "routing.change_aiworker"
    raise_exception = True
    model = AIWorker
    form_class = AIWorkerForm
    template_name = "routing/ai_worker_form.html"
    success_url = reverse_lazy("ai-board")
    success_message = gettext_lazy("%(name)s is saved.")


@require_POST
@permission_required("routing.change_delivery", raise_exception=True)
def echo(request: HttpRequest, pk: int) -> HttpResponse:
    """C-ECHO the worker now; the answer is a fragment, or a message where there is no script."""
    worker = get_object_or_404(AIWorker, pk=pk)
    outcome = echo_worker(worker)
    if request.headers.get("HX-Request"):
        return render(request, "_echo.html", {"outcome": outcome})
    words = f"{worker.name}: {outcome.words} ({outcome.milliseconds:.0f} ms)"
    (messages.success if outcome.is_alive else messages.error)(request, words)
    return HttpResponseRedirect(reverse("ai-board"))


@require_POST
@permission_required("routing.change_delivery", raise_exception=True)
def retry_request(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask again."""
    count = requests.retry(AIRequest.objects.filter(pk=pk))
    _say(request, count, _("It is asked again now."), _("This request is at a worker, or answered already."))
    return _back(request, "ai-request-list")


@require_POST
@permission_required("routing.change_delivery", raise_exception=True)
def cancel_request(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a request back."""
    count = requests.cancel(AIRequest.objects.filter(pk=pk))
    words = _("It is cancelled. A result that comes all the same is quarantined.")
    _say(request, count, words, _("This request is being sent, or answered already."))
    return _back(request, "ai-request-list")


@require_POST
@permission_required("routing.change_delivery", raise_exception=True)
def release_result(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a result on that the gate held back."""
    result = get_object_or_404(AIResult, pk=pk)
    try:
        count = release.release(result, by=request.user.get_username())
    except (release.NotHeldBack, release.GoesNowhere) as error:
        messages.error(request, str(error))
    else:
        words = ngettext(
            "Released: it goes to %(count)s destination now.", "Released: it goes to %(count)s destinations now.", count
        )
        messages.success(request, words % {"count": count})
    return _back(request, "ai-result-list")


@require_POST
@permission_required("routing.change_delivery", raise_exception=True)
def keep_result(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep a quarantined result back."""
    result = get_object_or_404(AIResult, pk=pk)
    try:
        release.keep(result, by=request.user.get_username())
    except release.NotHeldBack as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("Kept back: it stays stored, and is sent nowhere."))
    return _back(request, "ai-result-list")


def _say(request: HttpRequest, count: int, done: str, not_done: str) -> None:
    (messages.success if count else messages.error)(request, done if count else not_done)


def _back(request: HttpRequest, url_name: str) -> HttpResponse:
    query = request.POST.copy()
    for name in set(query) - {"tab", "page"}:
        del query[name]
    return HttpResponseRedirect(f"{reverse(url_name)}{'?' if query else ''}{query.urlencode()}")
