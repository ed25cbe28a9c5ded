"""Forms of sources and federations."""

from typing import Any

from django import forms
from django.forms import BaseInlineFormSet, inlineformset_factory
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from spanner.kinds import KINDS, NEUTRAL, settle
from spanner.models import ConfigSource, Source, SpanningConfig


class SourceForm(forms.ModelForm):
    """An archive that is asked: the fields of one kind, and those that every kind has."""

    secret = forms.CharField(
        required=False,
        strip=False,
        label=gettext_lazy("Password or token"),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
        help_text=gettext_lazy("It is stored encrypted, and never shown again."),
    )

    class Meta:
        model = Source
        fields = [
            "name",
            "ae_title",
            "host",
            "port",
            "tls",
            "tls_server_name",
            "calling_ae_title",
            "retrieve",
            "url",
            "authentication",
            "username",
            "timeout_seconds",
            "max_concurrent",
            "result_limit",
            "cuts_at",
            "issuer_of_patient_id",
            "patient_id_prefix",
            "is_enabled",
            "comment",
        ]
        labels = {
            "name": gettext_lazy("Name"),
            "host": gettext_lazy("Host"),
            "port": gettext_lazy("Port"),
            "comment": gettext_lazy("Comment"),
            "is_enabled": gettext_lazy("Ask it"),
            "timeout_seconds": gettext_lazy("Timeout in seconds"),
            "authentication": gettext_lazy("How Gantry signs in"),
            "username": gettext_lazy("User name"),
            "result_limit": gettext_lazy("Matches, at most"),
        }
        help_texts = {
            "name": gettext_lazy("How pages, answers and logs call it."),
            "comment": gettext_lazy("What it is, and whom to call when it does not answer."),
            "url": gettext_lazy("The root of the DICOMweb service, such as https://pacs.example/dicom-web."),
            "username": gettext_lazy("Only for sign-in by user name and password."),
        }
        error_messages = {"name": {"unique": gettext_lazy("Source with this Name already exists.")}}

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.kind = kind
        for name in set(NEUTRAL) - set(KINDS[kind].fields):
            self.fields.pop(name, None)
        for name in KINDS[kind].needed:
            self.fields[name].required = True
        if "secret" not in KINDS[kind].fields:
            self.fields.pop("secret", None)
        elif self.instance.secret:
            self.fields["secret"].help_text = _("One is stored, and is never shown. Leave this empty to keep it.")

    def clean(self) -> dict[str, Any]:
        """What the kind needs; the secret is sealed."""
        given = super().clean() or {}
        entered = given.pop("secret", "")
        before = {field.name: getattr(self.instance, field.name) for field in Source._meta.fields}
        settled = settle(before | given, stored=self.instance.secret, entered=entered)
        for name, words in settled.problems.items():
            if name not in self.fields:
                self.add_error(None, words)
            elif name not in self.errors:
                self.add_error(name, words)
        if not self.errors:
            self.instance.secret = settled.secret
        return given


class FederationForm(forms.ModelForm):
    """How the sources of a federation are asked."""

    class Meta:
        model = SpanningConfig
        fields = [
            "name",
            "description",
            "ae_title",
            "failure_strategy",
            "timeout_seconds",
            "retry_attempts",
            "max_concurrent_sources",
            "cache_seconds",
            "deduplication_enabled",
            "is_enabled",
        ]
        labels = {
            "name": gettext_lazy("Name"),
            "description": gettext_lazy("Description"),
            "retry_attempts": gettext_lazy("Retry attempts"),
            "failure_strategy": gettext_lazy("When a source is missing"),
            "timeout_seconds": gettext_lazy("Timeout in seconds"),
            "max_concurrent_sources": gettext_lazy("Sources at once"),
            "cache_seconds": gettext_lazy("Answers are given again for (seconds)"),
            "deduplication_enabled": gettext_lazy("List once what several have"),
            "is_enabled": gettext_lazy("It may be asked"),
        }


class MemberForm(forms.ModelForm):
    """A row of a federation's sources; the table's head has the labels, of which each field tells screen readers."""

    class Meta:
        model = ConfigSource
        fields = ["source", "priority", "timeout_override"]
        widgets = {
            "source": forms.Select(attrs={"aria-label": gettext_lazy("Source")}),
            "priority": forms.NumberInput(attrs={"aria-label": gettext_lazy("Place in line")}),
            "timeout_override": forms.NumberInput(attrs={"aria-label": gettext_lazy("Timeout here, in seconds")}),
        }


class _Members(BaseInlineFormSet):
    """The sources of a federation, one row each."""

    @cached_property
    def choices(self) -> list[tuple[Any, str]]:
        """All sources, asked for once and not for each row."""
        return [("", _("choose …")), *((source.pk, source.name) for source in Source.objects.all())]

    def add_fields(self, form: Any, index: int | None) -> None:
        """The sources to choose from, and the tick that takes one out."""
        super().add_fields(form, index)
        form.fields["source"].widget.choices = self.choices
        form.fields["DELETE"].widget.attrs["aria-label"] = _("Take out")

    def clean(self) -> None:
        """A federation has a source, and each once."""
        super().clean()
        if any(self.errors):
            return
        kept = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        sources = [values["source"] for values in kept if values.get("source")]
        if not sources:
            raise forms.ValidationError(_("A federation needs at least one source."))
        if len(set(sources)) < len(sources):
            raise forms.ValidationError(_("Each source stands in a federation once."))


Members = inlineformset_factory(SpanningConfig, ConfigSource, form=MemberForm, formset=_Members, extra=3)
