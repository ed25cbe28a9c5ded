"""Pages of rules: list with switches and findings, one rule with its versions, and deleting one."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db import transaction
from django.db.models import ProtectedError, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.generic import DeleteView, DetailView, ListView

from routing.models import Rule
from routing.portal.rule_edit import DaysForm
from routing.selectors import rules_for_list, versions_of
from routing.shadow import shadow_figures
from routing.validate import validate_rules
from routing.versions import actions_in_words, differences


class RuleList(PermissionRequiredMixin, ListView):
    """All rules in the order in which they are tried."""

    permission_required = "routing.view_rule"
    raise_exception = True
    template_name = "routing/rule_list.html"
    context_object_name = "rules"
    queryset = rules_for_list()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What is wrong with them."""
        return super().get_context_data(findings=validate_rules(), **kwargs)


class RuleDetail(PermissionRequiredMixin, DetailView):
    """One rule and every form that it had."""

    permission_required = "routing.view_rule"
    raise_exception = True
    model = Rule
    template_name = "routing/rule_detail.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Its versions with what changed in each, and what it would have taken in shadow."""
        versions = list(versions_of(self.object))
        rows = [
            {"version": version, "changes": differences(before.definition, version.definition) if before else []}
            for version, before in zip(versions, [*versions[1:], None], strict=True)
        ]
        return super().get_context_data(
            rows=rows,
            current=versions[0] if versions else None,
            actions=actions_in_words(versions[0].definition) if versions else [],
            findings=[each for each in validate_rules() if each.rule and each.rule.pk == self.object.pk],
            shadow=shadow_figures(self.object),
            days_form=DaysForm(),
            **kwargs,
        )


class RuleDelete(PermissionRequiredMixin, DeleteView):
    """Asks before a rule is deleted; one that made deliveries is kept, for they name its versions."""

    permission_required = "routing.delete_rule"
    raise_exception = True
    model = Rule
    template_name = "routing/rule_delete.html"
    success_url = reverse_lazy("rule-list")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Whether deliveries keep it."""
        named = Q(deliveries__isnull=False) | Q(discards__isnull=False) | Q(ai_requests__isnull=False)
        has_deliveries = self.object.versions.filter(named).exists()
        return super().get_context_data(has_deliveries=has_deliveries, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Delete, unless a delivery came in between."""
        try:
            with transaction.atomic():
                response = super().form_valid(form)
        except ProtectedError:
            return HttpResponseRedirect(reverse("rule-delete", args=[self.object.pk]))
        messages.success(self.request, _("%(name)s is deleted.") % {"name": self.object.name})
        return response


@require_POST
@permission_required("routing.change_rule", raise_exception=True)
def switch_rule(request: HttpRequest, pk: int) -> HttpResponse:
    """Turn a rule on or off; that is no new version, for its definition stays."""
    rule = get_object_or_404(Rule, pk=pk)
    rule.is_enabled = "on" in request.POST
    rule.save(update_fields=["is_enabled", "updated_at"])
    done = _("The rule %(name)s is on.") if rule.is_enabled else _("The rule %(name)s is off.")
    messages.success(request, done % {"name": rule.name})
    return HttpResponseRedirect(reverse("rule-list"))
