"""The deliveries page: the ledger by state, live, with retry and cancel."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.http import require_POST
from django.views.generic import DetailView, ListView

from routing import queue
from routing.filters import counts_by_tab, list_deliveries, reasons
from routing.models import Delivery
from routing.portal.forms import DeliveryFilterForm
from routing.selectors import with_what_a_list_shows

TABS = {
    "waiting": gettext_noop("Waiting"),
    "sending": gettext_noop("Sending"),
    "delivered": gettext_noop("Delivered"),
    "failed": gettext_noop("Failed"),
    "cancelled": gettext_noop("Cancelled"),
    "all": gettext_noop("All"),
}
FILTERS = ("destination", "priority", "patient_id", "study", "ae_title", "error")


class DeliveryList(PermissionRequiredMixin, ListView):
    """Deliveries of one state, newest first."""

    permission_required = "routing.view_delivery"
    raise_exception = True
    template_name = "routing/delivery_list.html"
    context_object_name = "deliveries"
    paginate_by = 50

    @cached_property
    def form(self) -> DeliveryFilterForm:
        """The filters in the address."""
        return DeliveryFilterForm(self.request.GET)

    def get_queryset(self) -> QuerySet[Delivery]:
        """What the filters ask for."""
        return with_what_a_list_shows(list_deliveries(self.form.filters()))

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many deliveries each tab has."""
        return counts_by_tab(self.form.filters())

    def get_paginator(self, *args: Any, **kwargs: Any) -> Paginator:
        """The tabs have counted already."""
        paginator = super().get_paginator(*args, **kwargs)
        paginator.count = self.counts[self.form.current_tab]
        return paginator

    def paginate_queryset(self, queryset: Any, page_size: int) -> tuple[Paginator, Page, Any, bool]:
        """The last page for one that is gone: the queue gets shorter while it is looked at."""
        page = self.get_paginator(queryset, page_size).get_page(self.request.GET.get("page"))
        return page.paginator, page, page.object_list, page.has_other_pages()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The tabs with their counts besides."""
        tabs = [{"name": name, "label": _(label), "count": self.counts[name]} for name, label in TABS.items()]
        return super().get_context_data(
            form=self.form,
            tabs=tabs,
            current_tab=self.form.current_tab,
            is_filtered=any(self.request.GET.get(name) for name in FILTERS),
            reasons=reasons(self.form.filters()) if self.form.current_tab == "failed" else [],
            **kwargs,
        )


class DeliveryDetail(PermissionRequiredMixin, DetailView):
    """One delivery: what was tried, what was answered, and what it belongs to."""

    permission_required = "routing.view_delivery"
    raise_exception = True
    template_name = "routing/delivery_detail.html"
    context_object_name = "delivery"
    queryset = Delivery.objects.select_related(
        "instance__series__study", "destination", "rule_version__rule"
    ).prefetch_related("failures")


@require_POST
@permission_required("routing.change_delivery", raise_exception=True)
def retry(request: HttpRequest) -> HttpResponse:
    """Retry the chosen deliveries, or all that match the filters."""
    count = queue.retry(_chosen(request))
    words = ngettext("1 delivery will be tried now.", "%(count)s deliveries will be tried now.", count)
    messages.success(request, words % {"count": f"{count:,}"} if count else _("Nothing was left to retry."))
    return _back(request)


@require_POST
@permission_required("routing.change_delivery", raise_exception=True)
def cancel(request: HttpRequest) -> HttpResponse:
    """Cancel the chosen deliveries, or all that match the filters."""
    count = queue.cancel(_chosen(request))
    words = ngettext(
        "1 delivery cancelled; each can still be retried.",
        "%(count)s deliveries cancelled; each can still be retried.",
        count,
    )
    messages.success(request, words % {"count": f"{count:,}"} if count else _("Nothing was left to cancel."))
    return _back(request)


def _chosen(request: HttpRequest) -> QuerySet[Delivery]:
    if "all" in request.POST:
        return list_deliveries(DeliveryFilterForm(request.POST).filters())
    # A row's own button means that row alone, whatever else is ticked.
    pks = request.POST.getlist("only") or request.POST.getlist("delivery")
    return Delivery.objects.filter(pk__in=[pk for pk in pks if pk.isdecimal()])


def _back(request: HttpRequest) -> HttpResponse:
    if "detail" in request.POST and request.POST.get("only", "").isdecimal():
        return HttpResponseRedirect(reverse("delivery-detail", args=[request.POST["only"]]))
    query = request.POST.copy()
    for name in set(query) - {"tab", "page", *FILTERS}:
        del query[name]
    return HttpResponseRedirect(f"{reverse('delivery-list')}?{query.urlencode()}")
