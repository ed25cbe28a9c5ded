"""Pages of a rule's versions: what differs between two, the way back to one, and what shadow would have taken."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django.views.generic import DetailView, ListView

from routing.models import Rule, RuleVersion
from routing.selectors import versions_of
from routing.shadow import shadow_figures, shadow_studies
from routing.versions import CannotRollBack, actions_in_words, conditions_in_words, differences, roll_back
from studies.models import Study


class RuleCompare(PermissionRequiredMixin, DetailView):
    """Two versions of a rule beside each other; without a choice the last two."""

    permission_required = "routing.view_ruleversion"
    raise_exception = True
    model = Rule
    template_name = "routing/rule_compare.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Both versions, and what differs."""
        versions = list(versions_of(self.object))
        numbers = {str(version.number): version for version in versions}
        new = numbers.get(self.request.GET.get("to", ""), versions[0])
        earlier = [version for version in versions if version.number < new.number]
        old = numbers.get(self.request.GET.get("from", ""), earlier[0] if earlier else new)
        return super().get_context_data(
            versions=versions,
            old=old,
            new=new,
            differences=differences(old.definition, new.definition),
            sides=[_side(old), _side(new)],
            **kwargs,
        )


class ShadowStudies(PermissionRequiredMixin, ListView):
    """Studies that a rule in shadow would have taken."""

    permission_required = ("routing.view_shadowmatch", "studies.view_study")
    raise_exception = True
    template_name = "routing/rule_shadow.html"
    context_object_name = "studies"
    paginate_by = 50

    @cached_property
    def rule(self) -> Rule:
        """Whose page it is."""
        return get_object_or_404(Rule, pk=self.kwargs["pk"])

    def get_queryset(self) -> QuerySet[Study]:
        """The latest first."""
        return shadow_studies(self.rule)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """The figures above the list."""
        return super().get_context_data(rule=self.rule, shadow=shadow_figures(self.rule), **kwargs)


class _RollBackForm(forms.Form):
    version = forms.IntegerField(min_value=1, max_value=2**31 - 1)


@require_POST
@permission_required("routing.change_rule", raise_exception=True)
def roll_back_rule(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a rule the form of an earlier version."""
    rule = get_object_or_404(Rule, pk=pk)
    form = _RollBackForm(request.POST)
    try:
        number = form.cleaned_data["version"] if form.is_valid() else 0
        version = roll_back(rule, number, author=request.user)  # type: ignore[arg-type]  # signed in, or refused above
    except CannotRollBack as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request,
            _("%(name)s is as it was in version %(number)s; that is version %(new_number)s.")
            % {"name": rule.name, "number": number, "new_number": version.number},
        )
    return HttpResponseRedirect(reverse("rule-detail", args=[pk]))


def _side(version: RuleVersion) -> dict[str, Any]:
    definition = version.definition
    return {
        "version": version,
        "conditions": conditions_in_words(definition),
        "actions": actions_in_words(definition),
        "destinations": definition.get("destinations", []),
        "ai_pools": definition.get("ai_pools", []),
    }
