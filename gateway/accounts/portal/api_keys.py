"""Pages of API keys, for administrators."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.generic import DetailView, FormView, ListView, UpdateView

from gateway.accounts.models import ApiKey
from gateway.accounts.portal.forms import ApiKeyForm, ApiKeySitesForm


class ApiKeyList(PermissionRequiredMixin, ListView):
    """Every key, without what nobody can read again."""

    permission_required = "accounts.view_apikey"
    raise_exception = True
    queryset = ApiKey.objects.order_by("revoked", "-created", "prefix").prefetch_related("sites")
    context_object_name = "keys"
    template_name = "accounts/api_key_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The moment by which keys have expired."""
        return super().get_context_data(now=timezone.now(), **kwargs)


@method_decorator(never_cache, name="dispatch")
class ApiKeyCreate(PermissionRequiredMixin, FormView):
    """A new key, shown once."""

    permission_required = "accounts.add_apikey"
    raise_exception = True
    form_class = ApiKeyForm
    template_name = "accounts/api_key_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Make it; the answer is the one that knows it."""
        api_key: Any
        with transaction.atomic():
            api_key, key = ApiKey.objects.create_key(**form.values())
            api_key.sites.set(form.cleaned_data["sites"])
        return self.response_class(
            request=self.request,
            template="accounts/api_key_made.html",
            context={"view": self, "object": api_key, "key": key},
        )


class ApiKeySites(PermissionRequiredMixin, UpdateView):
    """Which studies a key sees; what else it may is said when it is made."""

    permission_required = "accounts.change_apikey"
    raise_exception = True
    model = ApiKey
    form_class = ApiKeySitesForm
    slug_field = slug_url_kwarg = "prefix"
    template_name = "accounts/api_key_sites.html"
    success_url = reverse_lazy("api-key-list")

    def form_valid(self, form: Any) -> HttpResponse:
        """Save it; it counts from the next request on."""
        messages.success(self.request, _("%(name)s is saved.") % {"name": form.instance.name})
        return super().form_valid(form)


class ApiKeyRevoke(PermissionRequiredMixin, DetailView):
    """Asks before a key is revoked."""

    permission_required = "accounts.change_apikey"
    raise_exception = True
    model = ApiKey
    slug_field = slug_url_kwarg = "prefix"
    template_name = "accounts/api_key_revoke.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """From now on it opens nothing."""
        api_key = self.get_object()
        ApiKey.objects.filter(pk=api_key.pk).update(revoked=True)
        messages.success(
            request, _("The key of %(name)s is revoked: it opens nothing any more.") % {"name": api_key.name}
        )
        return redirect("api-key-list")
