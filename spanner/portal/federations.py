"""Pages of federations: which sources one question goes to, and how."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.views.generic import CreateView, DeleteView, UpdateView, View
from django.views.generic.detail import SingleObjectTemplateResponseMixin
from django.views.generic.edit import ModelFormMixin

from spanner.models import Source, SpanningConfig
from spanner.portal.forms import FederationForm, Members


class FederationForms(PermissionRequiredMixin, SingleObjectTemplateResponseMixin, ModelFormMixin, View):
    """What the pages of a new federation and of one that is there have in common."""

    raise_exception = True
    model = SpanningConfig
    form_class = FederationForm
    success_url = reverse_lazy("source-list")
    object: SpanningConfig | None

    def members(self) -> Any:
        """The rows of its sources, as they were sent or as they are."""
        return Members(self.request.POST or None, instance=self.object)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The form of its sources too."""
        kwargs.setdefault("members", self.members())
        return super().get_context_data(has_sources=Source.objects.exists(), **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Save both, or neither."""
        members = self.members()
        if not members.is_valid():
            return self.render_to_response(self.get_context_data(form=form, members=members))
        with transaction.atomic():
            members.instance = form.save()
            members.save()
        messages.success(self.request, _("%(name)s is saved.") % {"name": form.instance.name})
        return HttpResponseRedirect(str(self.success_url))


class FederationCreate(FederationForms, CreateView):
    """A new federation."""

    permission_required = "spanner.add_spanningconfig"
    template_name = "spanner/federation_form.html"


class FederationUpdate(FederationForms, UpdateView):
    """A federation's settings."""

    permission_required = "spanner.change_spanningconfig"
    template_name = "spanner/federation_form.html"


class FederationDelete(PermissionRequiredMixin, DeleteView):
    """Asks before a federation is deleted; its sources stay."""

    permission_required = "spanner.delete_spanningconfig"
    raise_exception = True
    model = SpanningConfig
    template_name = "spanner/federation_delete.html"
    success_url = reverse_lazy("source-list")

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete it."""
        messages.success(self.request, _("%(name)s is deleted.") % {"name": self.object.name})
        return super().form_valid(form)
