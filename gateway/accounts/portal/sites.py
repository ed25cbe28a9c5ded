"""Pages of sites, for administrators."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.generic import CreateView, DeleteView, TemplateView, UpdateView

from gateway.accounts.models import Site
from gateway.accounts.portal.site_forms import SiteForm
from gateway.accounts.sites import list_sites, number_of_studies
from studies.choices import list_choices


class SiteList(PermissionRequiredMixin, TemplateView):
    """Every site, with how many studies it shows."""

    permission_required = "accounts.view_site"
    raise_exception = True
    template_name = "accounts/site_list.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The sites."""
        return super().get_context_data(sites=list_sites(), **kwargs)


class SiteCreate(PermissionRequiredMixin, CreateView):
    """A new site."""

    permission_required = "accounts.add_site"
    raise_exception = True
    model = Site
    form_class = SiteForm
    template_name = "accounts/site_form.html"
    success_url = reverse_lazy("site-list")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What conditions can name."""
        return super().get_context_data(choices=list_choices(), **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Save it; it shows nothing to anybody until somebody is given it."""
        messages.success(self.request, _("%(name)s is saved.") % {"name": form.instance.name})
        return super().form_valid(form)


class SiteUpdate(PermissionRequiredMixin, UpdateView):
    """What belongs to a site."""

    permission_required = "accounts.change_site"
    raise_exception = True
    model = Site
    form_class = SiteForm
    template_name = "accounts/site_form.html"
    success_url = reverse_lazy("site-list")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What conditions can name, and how much it is now."""
        studies = number_of_studies(self.object)
        return super().get_context_data(choices=list_choices(), studies=studies, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Save it; it counts from the next request on."""
        messages.success(self.request, _("%(name)s is saved.") % {"name": form.instance.name})
        return super().form_valid(form)


class SiteDelete(PermissionRequiredMixin, DeleteView):
    """Asks before a site is deleted: whoever had it sees less."""

    permission_required = "accounts.delete_site"
    raise_exception = True
    model = Site
    template_name = "accounts/site_delete.html"
    success_url = reverse_lazy("site-list")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Who has it."""
        users, keys = self.object.users.count(), self.object.api_keys.count()
        return super().get_context_data(users=users, keys=keys, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete it."""
        messages.success(self.request, _("%(name)s is deleted.") % {"name": self.object})
        return super().form_valid(form)
