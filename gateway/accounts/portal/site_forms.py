"""Forms of sites, and the fields by which users and keys are given some."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from gateway.accounts.models import Sees, Site, validate_values
from gateway.accounts.sites import seen_by_new

CONDITIONS = ("senders", "institutions", "labels")


class LinesField(forms.CharField):
    """A list of texts, one on each line."""

    widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=20_000, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """The lines of what is kept."""
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """What stands on the lines, each once."""
        lines = [line.strip() for line in str(super().clean(value)).splitlines()]
        found = list(dict.fromkeys(filter(None, lines)))
        validate_values(found)
        return found


class SiteForm(forms.ModelForm):
    """A name, and what of a study makes it one of the site."""

    senders = LinesField(label=_("Sending AE titles"), help_text=_("One on each line, in their own case."))
    institutions = LinesField(
        label=_("Institution names"), help_text=_("One on each line, letter by letter as the devices write it.")
    )
    labels = LinesField(label=_("Labels"), help_text=_("One on each line; rules or people give them."))

    class Meta:
        model = Site
        fields = ["name", *CONDITIONS]
        labels = {"name": _("Name")}

    def clean(self) -> dict[str, Any]:
        """Without a condition it would show nothing."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not any(given.get(name) for name in CONDITIONS):
            raise ValidationError(_("Give at least one condition: without one the site has no study."))
        return given


class SeesForm(forms.ModelForm):
    """Base of the forms of users and keys: which studies are there for them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.initial.setdefault("sees", seen_by_new())
        self.fields["sees"] = forms.ChoiceField(
            choices=[(Sees.EVERYTHING, _("All studies")), (Sees.SITES, _("Those of the sites below"))],
            label=_("Sees"),
            required=False,
            help_text=_("What does not belong to the sites does not exist: without a site, no study does."),
        )
        # Not asked for where it says nothing.
        given = [] if self.instance._state.adding or self.instance.sees_everything else list(self.instance.sites.all())
        self.initial["sites"] = given
        self.fields["sites"] = forms.ModelMultipleChoiceField(
            Site.objects.all(), widget=forms.CheckboxSelectMultiple, label=_("Sites"), required=False
        )

    def _save_m2m(self) -> None:
        """What is chosen beside the fields of the model."""
        super()._save_m2m()  # type: ignore[misc]  # the stubs leave it out
        self.instance.sites.set(self.cleaned_data["sites"])

    def clean_sees(self) -> str:
        """What a form that does not say it leaves as it is."""
        return self.cleaned_data["sees"] or str(self.initial.get("sees") or self.instance.sees)
