"""Forms of routing's pages."""

from copy import copy
from typing import Any

from django import forms

from routing.models import Destination, Rule
from routing.selectors import STATES_BY_TAB, DeliveryFilters
from routing.validate import Finding, Severity, validate_draft


class DeliveryFilterForm(forms.Form):
    """The filters of the deliveries page, from its address; what makes no sense filters nothing."""

    tab = forms.ChoiceField(choices=[(tab, tab.title()) for tab in STATES_BY_TAB], required=False)
    destination = forms.ModelChoiceField(Destination.objects.all(), required=False, empty_label="All destinations")
    patient_id = forms.CharField(max_length=64, required=False, label="Patient ID")
    study = forms.CharField(
        max_length=64, required=False, label="Study UID", widget=forms.TextInput(attrs={"size": 24})
    )

    @property
    def current_tab(self) -> str:
        """The chosen tab; waiting deliveries when none is."""
        self.is_valid()
        return self.cleaned_data.get("tab") or "waiting"

    def filters(self) -> DeliveryFilters:
        """What the selector takes."""
        values = self.cleaned_data if self.is_valid() else getattr(self, "cleaned_data", {})
        return DeliveryFilters(
            states=() if self.current_tab == "all" else STATES_BY_TAB[self.current_tab],
            destination=values.get("destination"),
            study_instance_uid=values.get("study", ""),
            patient_id=values.get("patient_id", ""),
        )


class DestinationForm(forms.ModelForm):
    """A node to send to."""

    class Meta:
        model = Destination
        fields = [
            "name",
            "ae_title",
            "host",
            "port",
            "tls",
            "tls_server_name",
            "calling_ae_title",
            "timeout_seconds",
            "is_enabled",
            "comment",
        ]
        labels = {"is_enabled": "Send to it", "timeout_seconds": "Timeout in seconds"}
        help_texts = {
            "name": "How the pages, rules and logs call it.",
            "comment": "What it is, and whom to call when it does not answer.",
        }


class RuleForm(forms.ModelForm):
    """A rule; its conditions and actions are JSON, which the page's editors write."""

    reason = forms.CharField(
        max_length=200,
        required=False,
        label="Reason for this change",
        help_text="Kept with the version, for whoever asks later.",
    )

    class Meta:
        model = Rule
        fields = [
            "name",
            "is_enabled",
            "order",
            "scope",
            "mode",
            "priority",
            "conditions",
            "destinations",
            "ai_pools",
            "actions",
            "comment",
        ]
        widgets = {
            "conditions": forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
            "actions": forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
            "destinations": forms.CheckboxSelectMultiple(),
            "ai_pools": forms.CheckboxSelectMultiple(),
        }
        labels = {"is_enabled": "Rule is on", "scope": "Decides on"}
        help_texts = {
            "destinations": "Every matching instance goes to each of these.",
            "ai_pools": "One worker of each of these gets the matching instances of a study.",
            "priority": "STAT goes before everything else that waits for the same destination.",
            "comment": "Why this rule exists, and who asked for it.",
            "scope": "Completeness is quiet time: see the documentation of rules.",
            "mode": "Shadow shows what a rule would take before it acts.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("scope", "mode"):
            self.fields[name].required = False  # what is not given has its default

    def clean_conditions(self) -> Any:
        """An emptied text means no condition."""
        return self.cleaned_data["conditions"] or []

    def clean_actions(self) -> Any:
        """An emptied text means no action."""
        return self.cleaned_data["actions"] or []

    def clean(self) -> dict[str, Any]:
        """What validation calls an error; it looks at the rule as a whole, beside the others."""
        values = super().clean() or {}
        if not self.errors:
            errors = [each for each in self.findings() if each.severity == Severity.ERROR]
            for finding in errors:
                self.add_error("destinations" if finding.code == "does-nothing" else None, finding.words)
        return values

    def draft(self) -> Rule:
        """The rule as the valid form describes it, which is not saved."""
        rule: Rule = copy(self.instance)
        for name in self.Meta.fields:
            if name not in {"destinations", "ai_pools"} and self.cleaned_data.get(name) not in (None, ""):
                setattr(rule, name, self.cleaned_data[name])
        return rule

    def findings(self) -> list[Finding]:
        """What is wrong, or looks wrong, with the rule as the valid form describes it."""
        return validate_draft(self.draft(), self.cleaned_data["destinations"], self.cleaned_data["ai_pools"])


class TryForm(forms.Form):
    """What to try the rules with: a stored study, or a file that is not kept."""

    study_instance_uid = forms.CharField(
        max_length=64,
        required=False,
        label="Study Instance UID of a stored study",
        help_text="One instance of each series is judged. The study's page has the UID, with a button that copies it.",
    )
    file = forms.FileField(
        required=False,
        label="A DICOM file",
        help_text="It is judged and thrown away: nothing is stored or sent.",
    )

    def clean(self) -> dict[str, Any]:
        """One of the two, not both."""
        values = super().clean() or {}
        if bool(values.get("study_instance_uid")) == bool(values.get("file")) and not self.errors:
            raise forms.ValidationError("Give the UID of a stored study, or choose a file: one of the two.")
        return values
