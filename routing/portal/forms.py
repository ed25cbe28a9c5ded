"""Forms of routing's pages."""

from typing import Any

from django import forms

from routing.filters import STATES_BY_TAB, DeliveryFilters
from routing.models import Destination, Priority, Rule


class DeliveryFilterForm(forms.Form):
    """The filters of the deliveries page, from its address; what makes no sense filters nothing."""

    tab = forms.ChoiceField(choices=[(tab, tab.title()) for tab in STATES_BY_TAB], required=False)
    destination = forms.ModelChoiceField(Destination.objects.all(), required=False, empty_label="All destinations")
    patient_id = forms.CharField(max_length=64, required=False, label="Patient ID")
    study = forms.CharField(
        max_length=64, required=False, label="Study UID", widget=forms.TextInput(attrs={"size": 24})
    )
    priority = forms.TypedChoiceField(
        choices=[("", "All priorities"), *Priority.choices], coerce=int, empty_value=None, required=False
    )
    ae_title = forms.CharField(max_length=16, required=False, label="AE title")
    error = forms.CharField(max_length=300, required=False, label="Words of the error")

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
            priority=values.get("priority"),
            ae_title=values.get("ae_title", ""),
            error=values.get("error", ""),
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
    """A rule; its conditions are JSON, which the page's editor writes."""

    class Meta:
        model = Rule
        fields = ["name", "is_enabled", "order", "priority", "conditions", "destinations", "comment"]
        widgets = {
            "conditions": forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
            "destinations": forms.CheckboxSelectMultiple(),
        }
        labels = {"is_enabled": "Rule is on"}
        help_texts = {
            "destinations": "Every matching instance goes to each of these.",
            "priority": "STAT goes before everything else that waits for the same destination.",
            "comment": "Why this rule exists, and who asked for it.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["destinations"].required = True
        self.fields["destinations"].error_messages["required"] = (
            "Choose where matching instances go: a rule without a destination does nothing."
        )

    def clean_conditions(self) -> Any:
        """An emptied text means no condition."""
        return self.cleaned_data["conditions"] or []


class TryForm(forms.Form):
    """What to try the rules with: a stored study, or a file that is not kept."""

    study_instance_uid = forms.CharField(
        max_length=64,
        required=False,
        label="Study Instance UID of a stored study",
        help_text="Its first instance is judged. The UID is on the study's page, with a button that copies it.",
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
