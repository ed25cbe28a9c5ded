"""The form of a webhook."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from gateway.webhooks.change import problems_of
from gateway.webhooks.kinds import EventKind
from gateway.webhooks.models import Webhook


class WebhookForm(forms.ModelForm):
    """Who is told, and of what."""

    events = forms.MultipleChoiceField(
        choices=EventKind.choices, widget=forms.CheckboxSelectMultiple, label=_("It is told when")
    )

    class Meta:
        model = Webhook
        fields = ["name", "url", "events", "includes_patient", "is_enabled"]
        labels = {
            "name": _("Name"),
            "url": _("URL"),
            "includes_patient": _("Name the patient in the body"),
            "is_enabled": _("Tell it"),
        }
        help_texts = {
            "name": _("How pages and logs call it."),
            "url": _("Where events are posted to, such as https://ris.example/gantry."),
            "includes_patient": _(
                "Patient ID, name, birth date, sex and accession number. Off: the receiver gets UIDs only."
            ),
            "is_enabled": _("Off: nothing is sent, and what happens meanwhile is not told later."),
        }

    def clean(self) -> dict[str, Any]:
        """An address that Gantry calls."""
        given = super().clean() or {}
        if not self.errors:
            for name, words in problems_of(given).items():
                self.add_error(name, words)
        return given
