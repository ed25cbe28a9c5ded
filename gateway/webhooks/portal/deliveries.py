"""The page of one webhook: how it does, what was sent to it, a test, and trying again."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.core.paginator import Page, Paginator
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST
from django.views.generic import ListView

from gateway.webhooks import change
from gateway.webhooks.bodies import trial_body
from gateway.webhooks.call import call
from gateway.webhooks.kinds import label_of
from gateway.webhooks.models import DeliveryState, Webhook, WebhookDelivery, new_message_id
from gateway.webhooks.selectors import state_of

TABS = {
    "pending": gettext_lazy("Waiting"),
    "dead": gettext_lazy("Failed"),
    "delivered": gettext_lazy("Delivered"),
    "all": gettext_lazy("All"),
}


class WebhookPage(PermissionRequiredMixin, ListView):
    """One webhook, and its messages by state, the latest first."""

    permission_required = ("webhooks.view_webhook", "webhooks.view_webhookdelivery")
    raise_exception = True
    template_name = "webhooks/webhook.html"
    context_object_name = "deliveries"
    paginate_by = 50

    @cached_property
    def webhook(self) -> Webhook:
        """The one that the address names."""
        return get_object_or_404(Webhook, pk=self.kwargs["pk"])

    @cached_property
    def tab(self) -> str:
        """Which messages are shown."""
        asked = self.request.GET.get("tab", "")
        return asked if asked in TABS else "all"

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many messages each tab has."""
        rows = WebhookDelivery.objects.filter(webhook=self.webhook).order_by().values_list("state")
        found = dict.fromkeys(TABS, 0) | dict(rows.annotate(count=Count("pk")))
        return found | {"all": sum(found.values())}

    def get_queryset(self) -> QuerySet[WebhookDelivery]:
        """Those of the tab."""
        found = WebhookDelivery.objects.filter(webhook=self.webhook).order_by("-pk")
        return found if self.tab == "all" else found.filter(state=self.tab)

    def get_paginator(self, *args: Any, **kwargs: Any) -> Paginator:
        """The tabs have counted already."""
        paginator = super().get_paginator(*args, **kwargs)
        paginator.count = self.counts[self.tab]
        return paginator

    def paginate_queryset(self, queryset: Any, page_size: int) -> tuple[Paginator, Page, Any, bool]:
        """The last page for one that is gone."""
        page = self.get_paginator(queryset, page_size).get_page(self.request.GET.get("page"))
        return page.paginator, page, page.object_list, page.has_other_pages()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """How it does."""
        return super().get_context_data(
            webhook=self.webhook,
            state=state_of(self.webhook),
            events=[label_of(kind) for kind in self.webhook.events],
            tabs=[{"name": name, "label": label, "count": self.counts[name]} for name, label in TABS.items()],
            current_tab=self.tab,
            dead=self.counts["dead"],
            **kwargs,
        )


@require_POST
@permission_required("webhooks.change_webhook", raise_exception=True)
def test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a message that says only that it is a test; the answer is a fragment, or a message without script."""
    webhook = get_object_or_404(Webhook, pk=pk)
    outcome = call(webhook, new_message_id(), trial_body(webhook.name))
    if request.headers.get("HX-Request"):
        return render(request, "webhooks/_tested.html", {"outcome": outcome})
    words = f"{webhook.name}: {outcome.words} ({outcome.milliseconds:.0f} ms)"
    (messages.success if outcome.is_alive else messages.error)(request, words)
    return HttpResponseRedirect(reverse("webhook", args=[pk]))


@require_POST
@permission_required("webhooks.change_webhookdelivery", raise_exception=True)
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Try one message at once, or all that have failed."""
    webhook = get_object_or_404(Webhook, pk=pk)
    only = request.POST.get("only", "")
    chosen = WebhookDelivery.objects.filter(webhook=webhook)
    chosen = chosen.filter(pk=only) if only.isdecimal() else chosen.filter(state=DeliveryState.DEAD)
    count = change.retry(webhook, chosen)
    words = ngettext("%(count)d message will be tried now.", "%(count)d messages will be tried now.", count)
    messages.success(request, words % {"count": count} if count else _("Nothing was left to retry."))
    tab = request.POST.get("tab", "")
    query = f"?tab={tab}" if tab in TABS else ""
    return HttpResponseRedirect(f"{reverse('webhook', args=[pk])}{query}")
