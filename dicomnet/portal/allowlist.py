"""Pages of the allowlist."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _
from django.views.generic import CreateView, DeleteView, ListView, UpdateView

from dicomnet.models import AllowlistEntry
from dicomnet.portal.forms import RIGHTS, AllowlistEntryForm

LIST_URL = reverse_lazy("allowlist")


class AllowlistPage(PermissionRequiredMixin, ListView):
    """Every entry with its rights."""

    permission_required = "dicomnet.view_allowlistentry"
    raise_exception = True
    model = AllowlistEntry
    context_object_name = "entries"
    template_name = "dicomnet/allowlist.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The rights as columns, with their explanation."""
        form = AllowlistEntryForm()
        rights = [{"label": form[right].label, "help": form[right].help_text} for right in RIGHTS]
        rows = [(entry, [getattr(entry, right) for right in RIGHTS]) for entry in self.object_list]
        return super().get_context_data(rights=rights, rows=rows, **kwargs)


class AllowlistCreate(PermissionRequiredMixin, SuccessMessageMixin, CreateView):
    """A new entry."""

    permission_required = "dicomnet.add_allowlistentry"
    raise_exception = True
    model = AllowlistEntry
    form_class = AllowlistEntryForm
    template_name = "dicomnet/allowlist_form.html"
    success_url = LIST_URL
    success_message = _("%(calling_ae_title)s from %(network)s is allowed from now on.")


class AllowlistUpdate(PermissionRequiredMixin, SuccessMessageMixin, UpdateView):
    """An entry's rights."""

    permission_required = "dicomnet.change_allowlistentry"
    raise_exception = True
    model = AllowlistEntry
    form_class = AllowlistEntryForm
    template_name = "dicomnet/allowlist_form.html"
    success_url = LIST_URL
    success_message = _("The entry for %(calling_ae_title)s from %(network)s is saved.")


class AllowlistDelete(PermissionRequiredMixin, DeleteView):
    """Asks before an entry is deleted."""

    permission_required = "dicomnet.delete_allowlistentry"
    raise_exception = True
    model = AllowlistEntry
    template_name = "dicomnet/allowlist_delete.html"
    success_url = LIST_URL

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete, and say what that means."""
        words = _("%(entry)s is deleted: unless another entry allows it, its calls are refused from now on.") % {
            "entry": self.object
        }
        response = super().form_valid(form)
        messages.success(self.request, words)
        return response
