"""Pages of back-tests: all of them, one with its progress and what it found, CSV, start and cancel."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from django.views.generic import ListView

from routing.backtest import results, run
from routing.backtest.download import csv_response
from routing.backtest.models import BackTest, BackTestStudy
from routing.models import Rule
from routing.portal.rule_edit import DaysForm
from routing.rules import definition_of
from routing.versions import actions_in_words, conditions_in_words


class BackTestList(PermissionRequiredMixin, ListView):
    """All back-tests, newest first."""

    permission_required = "routing.view_backtest"
    raise_exception = True
    template_name = "routing/back_test_list.html"
    context_object_name = "back_tests"
    paginate_by = 50
    queryset = BackTest.objects.select_related("rule", "author")


class BackTestDetail(PermissionRequiredMixin, ListView):
    """One back-test: how far it is, its sums, and the studies."""

    permission_required = ("routing.view_backtest", "studies.view_study")
    raise_exception = True
    template_name = "routing/back_test.html"
    context_object_name = "rows"
    paginate_by = 50

    @cached_property
    def back_test(self) -> BackTest:
        """Whose page it is."""
        return get_object_or_404(BackTest.objects.select_related("rule", "author"), pk=self.kwargs["pk"])

    @cached_property
    def outcome(self) -> str:
        """The tab: at first what differs, or for a new rule all."""
        asked = self.request.GET.get("outcome", "")
        usual = "differ" if self.back_test.draft["live_version"] else "all"
        return asked if asked in results.OUTCOMES else usual

    def get_queryset(self) -> QuerySet[BackTestStudy]:
        """The studies of the tab."""
        return results.studies_of(self.back_test, self.outcome)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The tabs with their counts, and the draft in words."""
        counts = results.counts_by_outcome(self.back_test)
        tabs = [(name, _(label), counts[name]) for name, label in results.OUTCOMES.items()]
        return super().get_context_data(
            back_test=self.back_test,
            is_open=self.back_test.state in run.OPEN,
            reads_files=run.reads_files(self.back_test),
            # A new rule has no live version to differ from.
            tabs=tabs if self.back_test.draft["live_version"] else [],
            current_tab=self.outcome,
            conditions=conditions_in_words(self.back_test.draft),
            actions=actions_in_words(self.back_test.draft),
            **kwargs,
        )


@require_GET
@permission_required(("routing.view_backtest", "studies.view_study"), raise_exception=True)
def download_csv(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The studies of a tab for a spreadsheet; the file's name says nothing of patients."""
    back_test = get_object_or_404(BackTest, pk=pk)
    outcome = request.GET.get("outcome", "all")
    if outcome not in results.OUTCOMES:
        raise Http404(_("There is no such list of this back-test."))
    return csv_response(back_test, outcome)


@require_POST
@permission_required("routing.add_backtest", raise_exception=True)
def start(request: HttpRequest, rule_pk: int) -> HttpResponse:
    """Back-test a saved rule as it is."""
    rule = get_object_or_404(Rule, pk=rule_pk)
    form = DaysForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Give a number of days from 1 to %(maximum)s.") % {"maximum": run.MAXIMUM_DAYS})
        return HttpResponseRedirect(reverse("rule-detail", args=[rule_pk]))
    definition = definition_of(rule, rule.destinations.all(), rule.ai_pools.all())
    author: Any = request.user
    back_test = run.start_back_test(definition, rule=rule, days=form.cleaned_data["days"], author=author)
    return HttpResponseRedirect(reverse("back-test", args=[back_test.pk]))


@require_POST
@permission_required("routing.add_backtest", raise_exception=True)
def cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Stop it; what was found so far stays."""
    back_test = get_object_or_404(BackTest, pk=pk)
    if run.cancel(back_test):
        messages.success(request, _("The back-test is cancelled. What it found so far stays."))
    return HttpResponseRedirect(reverse("back-test", args=[pk]))
