"""Pages of rules: list with switches, form with the condition editor, versions, and trying them out."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db import transaction
from django.db.models import ProtectedError
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse, reverse_lazy
from django.views.decorators.http import require_POST
from django.views.generic import CreateView, DeleteView, DetailView, ListView, UpdateView

from routing.conditions import OPERATORS
from routing.models import Destination, Rule
from routing.portal.attributes import COMMON_ATTRIBUTES
from routing.portal.forms import RuleForm
from routing.rules import save_rule
from routing.selectors import rules_for_list, versions_of


class RuleList(PermissionRequiredMixin, ListView):
    """All rules in the order in which they are tried."""

    permission_required = "routing.view_rule"
    raise_exception = True
    template_name = "routing/rule_list.html"
    context_object_name = "rules"
    queryset = rules_for_list()


class RuleDetail(PermissionRequiredMixin, DetailView):
    """One rule and every form that it had."""

    permission_required = "routing.view_rule"
    raise_exception = True
    model = Rule
    template_name = "routing/rule_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Its versions."""
        return super().get_context_data(versions=versions_of(self.object), **kwargs)


class _RuleEdit(PermissionRequiredMixin):
    raise_exception = True
    request: HttpRequest

    def form_valid(self, form: ModelForm) -> HttpResponse:
        """Save as a version; what did not change makes none."""
        rule = form.save(commit=False)
        author = self.request.user if self.request.user.is_authenticated else None
        version = save_rule(rule, destinations=form.cleaned_data["destinations"], author=author)
        messages.success(self.request, f"{rule.name} is saved as version {version.number}.")
        return HttpResponseRedirect(reverse("rule-list"))

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the condition editor offers."""
        context: dict[str, Any] = super().get_context_data(  # type: ignore[misc]  # Django's view follows in the MRO
            operators=OPERATORS,
            attributes=COMMON_ATTRIBUTES,
            has_destinations=Destination.objects.exists(),
            **kwargs,
        )
        return context


class RuleCreate(_RuleEdit, CreateView):
    """A new rule."""

    permission_required = "routing.add_rule"
    model = Rule
    form_class = RuleForm
    template_name = "routing/rule_form.html"


class RuleUpdate(_RuleEdit, UpdateView):
    """A rule's settings."""

    permission_required = "routing.change_rule"
    model = Rule
    form_class = RuleForm
    template_name = "routing/rule_form.html"


class RuleDelete(PermissionRequiredMixin, DeleteView):
    """Asks before a rule is deleted; one that made deliveries is kept, for they name its versions."""

    permission_required = "routing.delete_rule"
    raise_exception = True
    model = Rule
    template_name = "routing/rule_delete.html"
    success_url = reverse_lazy("rule-list")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether deliveries keep it."""
        has_deliveries = self.object.versions.filter(deliveries__isnull=False).exists()
        return super().get_context_data(has_deliveries=has_deliveries, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete, unless a delivery came in between."""
        try:
            with transaction.atomic():
                response = super().form_valid(form)
        except ProtectedError:
            return HttpResponseRedirect(reverse("rule-delete", args=[self.object.pk]))
        messages.success(self.request, f"{self.object.name} is deleted.")
        return response


@require_POST
@permission_required("routing.change_rule", raise_exception=True)
def switch_rule(request: HttpRequest, pk: int) -> HttpResponse:
    """Turn a rule on or off; that is no new version, for its definition stays."""
    rule = get_object_or_404(Rule, pk=pk)
    rule.is_enabled = "on" in request.POST
    rule.save(update_fields=["is_enabled", "updated_at"])
    messages.success(request, f"{rule.name} is {'on' if rule.is_enabled else 'off'}.")
    return HttpResponseRedirect(reverse("rule-list"))
