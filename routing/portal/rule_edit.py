"""The rule editor: saves a version, or tries and back-tests the draft that stands in it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.generic import CreateView, UpdateView

from routing.backtest.models import BackTest
from routing.backtest.run import MAXIMUM_DAYS, start_back_test
from routing.conditions import (
    ASSOCIATION_ATTRIBUTES,
    GROUPS,
    OPERATORS,
    RECEIPT_ATTRIBUTES,
    operator_in_words,
    parse_conditions,
)
from routing.explain import Candidate
from routing.models import AIPool, Destination, Rule
from routing.portal.action_kinds import action_kinds
from routing.portal.attributes import common_attributes
from routing.portal.forms import RuleForm, TryForm
from routing.portal.try_rules import verdicts_of
from routing.rules import definition_of, save_rule
from routing.validate import Severity, validate_draft


class DaysForm(forms.Form):
    """How far back a back-test goes."""

    days = forms.IntegerField(
        label=gettext_lazy("Days of history"),
        min_value=1,
        max_value=MAXIMUM_DAYS,
        initial=30,
        help_text=gettext_lazy("Studies that came in during the last so many days."),
    )


class _RuleEdit(PermissionRequiredMixin):
    raise_exception = True
    request: HttpRequest
    object: Rule | None

    def get_initial(self) -> dict[str, Any]:
        """The draft of a back-test, whose page links here."""
        pk = self.request.GET.get("back_test", "")
        found = (
            BackTest.objects.filter(pk=int(pk)).first() if pk.isascii() and pk.isdecimal() and len(pk) < 18 else None
        )
        if found is None:
            return {}
        named = {field: [each["id"] for each in found.draft[field]] for field in ("destinations", "ai_pools")}
        fields = ("name", "order", "scope", "mode", "priority", "conditions", "actions")
        return {field: found.draft[field] for field in fields} | named

    def form_valid(self, form: Any) -> HttpResponse:
        """Do what the pressed button says."""
        do = self.request.POST.get("do", "")
        if do == "try":
            return self._try(form)
        if do == "back-test":
            return self._back_test(form)
        return self._save(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """What the editors offer."""
        rule = self.object
        context: dict[str, Any] = {
            "operators": {name: operator_in_words(name) for name in OPERATORS},
            "group_kinds": {name: _(words) for name, words in GROUPS.items()},
            "attributes": common_attributes(),
            "other_attributes": [*ASSOCIATION_ATTRIBUTES, *RECEIPT_ATTRIBUTES],
            "action_kinds": action_kinds(),
            "has_destinations": Destination.objects.exists(),
            "has_pools": AIPool.objects.exists(),
            "try_form": TryForm(),
            "days_form": DaysForm(),
            "tried": False,
        } | kwargs
        if rule is not None and rule.pk is not None and "findings" not in context:
            context["findings"] = validate_draft(rule, rule.destinations.all(), rule.ai_pools.all())
        found: dict[str, Any] = super().get_context_data(**context)  # type: ignore[misc]  # Django's view in the MRO
        return found

    def _save(self, form: RuleForm) -> HttpResponse:
        """Save as a version; what did not change makes none."""
        values = form.cleaned_data
        version = save_rule(
            form.save(commit=False),
            destinations=values["destinations"],
            ai_pools=values["ai_pools"],
            author=self._author(),
            reason=values["reason"],
        )
        messages.success(
            self.request,
            _("%(name)s is saved as version %(number)s.") % {"name": version.rule.name, "number": version.number},
        )
        for finding in form.findings():
            if finding.severity == Severity.WARNING:
                messages.warning(self.request, finding.words)
        return HttpResponseRedirect(reverse("rule-list"))

    def _try(self, form: RuleForm) -> HttpResponse:
        """The same page, with the verdicts under the editor."""
        try_form = TryForm(self.request.POST, self.request.FILES)
        draft = form.draft()
        candidate = Candidate(
            draft, parse_conditions(draft.conditions), tuple(form.cleaned_data["destinations"]), is_draft=True
        )
        verdicts = verdicts_of(try_form, candidate) if try_form.is_valid() else None
        if verdicts is not None:
            verdicts.sort(key=lambda verdict: not verdict.is_draft)  # it is what was asked about
        return self._show(form, try_form=try_form, verdicts=verdicts, tried=True)

    def _back_test(self, form: RuleForm) -> HttpResponse:
        """Start it, and go to its page."""
        days_form = DaysForm(self.request.POST)
        if not days_form.is_valid():
            return self._show(form, days_form=days_form, tried=True)
        definition = definition_of(form.draft(), form.cleaned_data["destinations"], form.cleaned_data["ai_pools"])
        rule = Rule.objects.get(pk=form.instance.pk) if form.instance.pk is not None else None
        days = days_form.cleaned_data["days"]
        back_test = start_back_test(definition, rule=rule, days=days, author=self._author())
        return HttpResponseRedirect(reverse("back-test", args=[back_test.pk]))

    def _show(self, form: RuleForm, **context: Any) -> HttpResponse:
        context = self.get_context_data(form=form, findings=form.findings(), **context)
        answer: HttpResponse = self.render_to_response(context)  # type: ignore[attr-defined]  # Django's view in the MRO
        return answer

    def _author(self) -> Any:
        return self.request.user if self.request.user.is_authenticated else None


class RuleCreate(_RuleEdit, CreateView):
    """A new rule."""

    permission_required = "routing.add_rule"
    model = Rule
    form_class = RuleForm
    template_name = "routing/rule_form.html"


class RuleUpdate(_RuleEdit, UpdateView):
    """A rule's settings."""

    permission_required = "routing.change_rule"
    queryset = Rule.objects.prefetch_related("destinations", "ai_pools")
    form_class = RuleForm
    template_name = "routing/rule_form.html"
