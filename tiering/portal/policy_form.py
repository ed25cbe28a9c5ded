"""The form of a policy: a field for each condition, kept as the JSON that the API takes."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, pgettext_lazy

from tiering.conditions import BadConditions, parse_conditions
from tiering.models import Policy

_NUMBERS = {
    "older_than_days": (gettext_noop("Days since it came in"), gettext_noop("Of its latest instance.")),
    "study_older_than_days": (gettext_noop("Days since the study date"), ""),
    "not_used_for_days": (gettext_noop("Days since it was read"), gettext_noop("Or came in, when it never was.")),
    "above_percent": (
        gettext_noop("Only above this share of the hot disk"),
        gettext_noop("In percent; those unused for longest go first."),
    ),
    "until_percent": (gettext_noop("and until it is below"), gettext_noop("In percent.")),
    "larger_than_mb": (gettext_noop("Larger than, in MB"), ""),
    "smaller_than_mb": (gettext_noop("Smaller than, in MB"), ""),
}
_LISTS = {
    "modalities": (gettext_noop("Modalities"), gettext_noop("Such as CT, MR: one of them is in the study.")),
    "sources": (gettext_noop("Senders"), gettext_noop("Calling AE titles.")),
    "labels": (gettext_noop("With one of these labels"), ""),
    "not_labels": (
        gettext_noop("Without these labels"),
        gettext_noop("One with the label “legal hold” is never moved by a policy."),
    ),
}


class PolicyForm(forms.ModelForm):
    """All conditions that have a value must hold."""

    class Meta:
        model = Policy
        fields = ["name", "from_tier", "to_tier", "runs_from", "runs_until", "at_once", "is_enabled"]
        labels = {
            "name": gettext_lazy("Name"),
            "from_tier": pgettext_lazy("tier", "From"),
            "to_tier": pgettext_lazy("tier", "To"),
            "runs_from": gettext_lazy("Asks from"),
            "runs_until": gettext_lazy("until"),
            "at_once": gettext_lazy("Moves open at once, at most"),
            "is_enabled": gettext_lazy("Apply it, every minute"),
        }
        widgets = {
            "runs_from": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
            "runs_until": forms.TimeInput(format="%H:%M", attrs={"type": "time"}),
        }
        error_messages = {"name": {"unique": gettext_lazy("Policy with this Name already exists.")}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance.conditions if isinstance(self.instance.conditions, dict) else {}
        for name, (label, words) in _NUMBERS.items():
            self.fields[name] = forms.IntegerField(label=_(label), help_text=_(words), required=False, min_value=0)
            self.initial[name] = stored.get(name)
        for name, (label, words) in _LISTS.items():
            self.fields[name] = forms.CharField(label=_(label), help_text=_(words), required=False, max_length=6500)
            self.initial[name] = ", ".join(stored.get(name, []))
        self.fields["description_contains"] = forms.CharField(
            label=_("Description contains"), required=False, max_length=64
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
            self.add_error("to_tier", _("Choose another tier than the one that it moves from."))
        self.instance.conditions = conditions
        self.instance.is_clearing = False  # what was begun under other conditions begins anew
        return given
