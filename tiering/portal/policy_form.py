"""The form of a policy: a field for each condition, kept as the JSON that the API takes."""

from typing import Any

from django import forms

from tiering.conditions import BadConditions, parse_conditions
from tiering.models import Policy

_NUMBERS = {
    "older_than_days": ("Days since it came in", "Of its latest instance."),
    "study_older_than_days": ("Days since the study date", ""),
    "not_used_for_days": ("Days since it was read", "Or came in, when it never was."),
    "above_percent": ("Only above this share of the hot disk", "In percent; those unused for longest go first."),
    "until_percent": ("and until it is below", "In percent."),
    "larger_than_mb": ("Larger than, in MB", ""),
    "smaller_than_mb": ("Smaller than, in MB", ""),
}
_LISTS = {
    "modalities": ("Modalities", "Such as CT, MR: one of them is in the study."),
    "sources": ("Senders", "Calling AE titles."),
    "labels": ("With one of these labels", ""),
    "not_labels": ("Without these labels", "One with the label “legal hold” is never moved by a policy."),
}


class PolicyForm(forms.ModelForm):
    """All conditions that have a value must hold."""

    class Meta:
        model = Policy
        fields = ["name", "from_tier", "to_tier", "runs_from", "runs_until", "at_once", "is_enabled"]
        labels = {
            "from_tier": "From",
            "to_tier": "To",
            "runs_from": "Asks from",
            "runs_until": "until",
            "at_once": "Moves open at once, at most",
            "is_enabled": "Apply it, every minute",
        }
        widgets = {
            "runs_from": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
            "runs_until": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance.conditions if isinstance(self.instance.conditions, dict) else {}
        for name, (label, words) in _NUMBERS.items():
            self.fields[name] = forms.IntegerField(label=label, help_text=words, required=False, min_value=0)
            self.initial[name] = stored.get(name)
        for name, (label, words) in _LISTS.items():
            self.fields[name] = forms.CharField(label=label, help_text=words, required=False, max_length=6500)
            self.initial[name] = ", ".join(stored.get(name, []))
        self.fields["description_contains"] = forms.CharField(
            label="Description contains", required=False, max_length=64
        )
        self.initial["description_contains"] = stored.get("description_contains", "")

    def clean(self) -> dict[str, Any]:
        """The conditions as one object, checked as the API checks them."""
        given = super().clean() or {}
        conditions: dict[str, Any] = {name: given[name] for name in _NUMBERS if given.get(name) is not None}
        for name in _LISTS:
            if items := [item.strip() for item in str(given.get(name) or "").split(",") if item.strip()]:
                conditions[name] = items
        if words := str(given.get("description_contains") or "").strip():
            conditions["description_contains"] = words
        try:
            parse_conditions(conditions)
        except BadConditions as error:
            named = next((name for name in self.fields if str(error).startswith(name)), None)
            self.add_error(named, str(error))
        if given.get("from_tier") and given.get("from_tier") == given.get("to_tier"):
            self.add_error("to_tier", "Choose another tier than the one that it moves from.")
        self.instance.conditions = conditions
        self.instance.is_clearing = False  # what was begun under other conditions begins anew
        return given
