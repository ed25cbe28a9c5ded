"""Pages of webhooks: all of them, one that is added, changed or deleted, and the secret that is shown once."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.generic import CreateView, DeleteView, DetailView, TemplateView, UpdateView

from gateway.webhooks import change
from gateway.webhooks.models import Webhook
from gateway.webhooks.portal.forms import WebhookForm
from gateway.webhooks.selectors import standings

SECRET_TEMPLATE = "webhooks/webhook_secret_made.html"  # noqa: S105 (a template)


class WebhookList(PermissionRequiredMixin, TemplateView):
    """Who is told of what, and how they do."""

    permission_required = "webhooks.view_webhook"
    raise_exception = True
    template_name = "webhooks/webhook_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With what waits and what has failed."""
        return super().get_context_data(standings=standings(Webhook.objects.all()), **kwargs)


@method_decorator(never_cache, name="dispatch")
class WebhookCreate(PermissionRequiredMixin, CreateView):
    """A new webhook; the answer shows its secret, once."""

    permission_required = "webhooks.add_webhook"
    raise_exception = True
    model = Webhook
    form_class = WebhookForm
    template_name = "webhooks/webhook_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Make it."""
        self.object = None
        webhook, secret = change.make({name: form.cleaned_data[name] for name in change.FIELDS})
        context = {"view": self, "object": webhook, "secret": secret, "is_new": True}
        return self.response_class(request=self.request, template=SECRET_TEMPLATE, context=context)


class WebhookUpdate(PermissionRequiredMixin, UpdateView):
    """A webhook's settings."""

    permission_required = "webhooks.change_webhook"
    raise_exception = True
    model = Webhook
    form_class = WebhookForm
    template_name = "webhooks/webhook_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Save what was changed, and nothing of how it did lately."""
        webhook = change.save(form.instance, {name: form.cleaned_data[name] for name in form.changed_data})
        messages.success(self.request, _("%(name)s is saved.") % {"name": webhook.name})
        return HttpResponseRedirect(reverse("webhook", args=[webhook.pk]))


class WebhookDelete(PermissionRequiredMixin, DeleteView):
    """Asks before a webhook is deleted."""

    permission_required = "webhooks.delete_webhook"
    raise_exception = True
    model = Webhook
    template_name = "webhooks/webhook_delete.html"
    success_url = reverse_lazy("webhook-list")

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete it, with its messages."""
        messages.success(self.request, _("%(name)s is deleted.") % {"name": self.object.name})
        return super().form_valid(form)


@method_decorator(never_cache, name="dispatch")
class WebhookSecret(PermissionRequiredMixin, DetailView):
    """Asks before a webhook gets another secret; the answer shows it, once."""

    permission_required = "webhooks.change_webhook"
    raise_exception = True
    model = Webhook
    template_name = "webhooks/webhook_secret.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Make it."""
        webhook = self.get_object()
        secret = change.change_secret(webhook)
        context = {"view": self, "object": webhook, "secret": secret}
        return self.response_class(request=request, template=SECRET_TEMPLATE, context=context)
