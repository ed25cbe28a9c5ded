"""Pages of policies: what each would move, and its form."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.messages.views import SuccessMessageMixin
from django.http import HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import CreateView, DeleteView, DetailView, UpdateView

from tiering.conditions import BadConditions
from tiering.models import Policy
from tiering.models.moves import OPEN
from tiering.policies import simulate
from tiering.portal.policy_form import PolicyForm
from tiering.savings import Saved, saved_as_noted


class PolicyDetail(PermissionRequiredMixin, DetailView):
    """What a policy would move now."""

    permission_required = "tiering.view_policy"
    raise_exception = True
    model = Policy
    template_name = "tiering/policy.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The simulation, or why there is none."""
        found: dict[str, Any] = {}
        try:
            found["simulation"] = simulate(self.object)
        except BadConditions as error:
            found["problem"] = str(error)
        except OSError:
            found["problem"] = _("The hot store's disk does not answer now.")
        found["saved"] = saved_as_noted().get(self.object.pk, Saved())
        moves = self.object.moves.all()
        found["open_count"] = moves.filter(state__in=OPEN).count()
        found["done_count"] = moves.filter(state="done").count()
        return super().get_context_data(**found, **kwargs)


class PolicyCreate(PermissionRequiredMixin, SuccessMessageMixin, CreateView):
    """A new policy; it is shown what it would do before it is turned on."""

    permission_required = "tiering.add_policy"
    raise_exception = True
    model = Policy
    form_class = PolicyForm
    template_name = "tiering/policy_form.html"
    success_message = gettext_lazy("%(name)s is added. Look at what it would move.")
    object: Policy

    def get_success_url(self) -> str:
        """What it would move."""
        return reverse("policy", args=[self.object.pk])


class PolicyUpdate(PermissionRequiredMixin, SuccessMessageMixin, UpdateView):
    """A policy's settings."""

    permission_required = "tiering.change_policy"
    raise_exception = True
    model = Policy
    form_class = PolicyForm
    template_name = "tiering/policy_form.html"
    success_message = gettext_lazy("%(name)s is saved. This is what it would move now.")
    object: Policy

    def get_success_url(self) -> str:
        """What it would move."""
        return reverse("policy", args=[self.object.pk])


class PolicyDelete(PermissionRequiredMixin, DeleteView):
    """Asks before a policy is deleted; moves that it asked for go on."""

    permission_required = "tiering.delete_policy"
    raise_exception = True
    model = Policy
    template_name = "tiering/policy_delete.html"
    success_url = reverse_lazy("tier-list")

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete it."""
        response = super().form_valid(form)
        messages.success(self.request, _("%(name)s is deleted.") % {"name": self.object.name})
        return response
