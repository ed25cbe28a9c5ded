"""Forms of federated search."""

from typing import Any

from django import forms
from django.forms import BaseInlineFormSet, inlineformset_factory

from spanner.kinds import KINDS, NEUTRAL, settle
from spanner.models import ConfigSource, Source, SpanningConfig
from spanner.question import Question, question
from studies.errors import InvalidQuery
from studies.query.keys import BY_KEYWORD, QueryLevel

# The fields of a search and the attribute that each asks for.
_KEYWORDS = {
    "patient_name": "PatientName",
    "patient_id": "PatientID",
    "accession_number": "AccessionNumber",
    "description": "StudyDescription",
    "study_instance_uid": "StudyInstanceUID",
}


class SearchForm(forms.Form):
    """What is looked for in all archives of a federation."""

    federation = forms.ModelChoiceField(SpanningConfig.objects.none(), empty_label=None)
    patient_name = forms.CharField(max_length=64, required=False, help_text="Doe^Jane, or its beginning: Doe*")
    patient_id = forms.CharField(max_length=64, required=False, label="Patient ID")
    accession_number = forms.CharField(max_length=16, required=False)
    study_date_from = forms.DateField(required=False, label="Study date from")
    study_date_to = forms.DateField(required=False, label="to")
    modality = forms.CharField(max_length=16, required=False, help_text="Such as CT or MR")
    description = forms.CharField(max_length=64, required=False, label="Study description")
    study_instance_uid = forms.CharField(max_length=64, required=False, label="Study Instance UID")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        federations: Any = self.fields["federation"]
        federations.queryset = SpanningConfig.objects.filter(is_enabled=True)
        for name in ("study_date_from", "study_date_to"):
            self.fields[name].widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        for name in ("patient_name", "patient_id", "accession_number", "description", "study_instance_uid"):
            self.fields[name].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}

    def clean(self) -> dict[str, Any]:
        """Something is looked for: to list all studies of all archives takes them minutes."""
        values = super().clean() or {}
        if self.errors:
            return values
        if not self.wanted():
            raise forms.ValidationError("Say what is looked for: a name, an ID, an accession number, or dates.")
        try:
            self.question()
        except InvalidQuery as error:
            raise forms.ValidationError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
        return values

    def wanted(self) -> dict[int, str]:
        """Values by tag."""
        values = self.cleaned_data
        found = {BY_KEYWORD[keyword].tag: values[name].strip() for name, keyword in _KEYWORDS.items() if values[name]}
        first, last = values["study_date_from"], values["study_date_to"]
        if first or last:
            date = f"{first:%Y%m%d}" if first else ""
            found[BY_KEYWORD["StudyDate"].tag] = date if first == last else f"{date}-{f'{last:%Y%m%d}' if last else ''}"
        if values["modality"]:
            found[BY_KEYWORD["ModalitiesInStudy"].tag] = values["modality"].strip().upper()
        return {tag: value for tag, value in found.items() if value.strip("*")}

    def question(self) -> Question:
        """To all archives.

        Raises:
            InvalidQuery: a value means nothing.
        """
        return question(QueryLevel.STUDY, self.wanted())


class SourceForm(forms.ModelForm):
    """An archive that is asked: the fields of one kind, and those that every kind has."""

    secret = forms.CharField(
        required=False,
        strip=False,
        label="Password or token",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "spellcheck": "false"}),
        help_text="It is stored encrypted, and never shown again.",
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
            "is_enabled": "Ask it",
            "timeout_seconds": "Timeout in seconds",
            "authentication": "How Gantry signs in",
            "username": "User name",
            "result_limit": "Matches, at most",
        }
        help_texts = {
            "name": "How pages, answers and logs call it.",
            "comment": "What it is, and whom to call when it does not answer.",
            "url": "The root of the DICOMweb service, such as https://pacs.example/dicom-web.",
            "username": "Only for sign-in by user name and password.",
        }

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
            self.fields["secret"].help_text = "One is stored, and is never shown. Leave this empty to keep it."

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
            "failure_strategy": "When a source is missing",
            "timeout_seconds": "Timeout in seconds",
            "max_concurrent_sources": "Sources at once",
            "cache_seconds": "Answers are given again for (seconds)",
            "deduplication_enabled": "List once what several have",
            "is_enabled": "It may be asked",
        }


class _Members(BaseInlineFormSet):
    """The sources of a federation, one row each."""

    def clean(self) -> None:
        """A federation has a source, and each once."""
        super().clean()
        if any(self.errors):
            return
        kept = [form.cleaned_data for form in self.forms if form.cleaned_data and not form.cleaned_data.get("DELETE")]
        sources = [values["source"] for values in kept if values.get("source")]
        if not sources:
            raise forms.ValidationError("A federation needs at least one source.")
        if len(set(sources)) < len(sources):
            raise forms.ValidationError("Each source stands in a federation once.")


Members = inlineformset_factory(
    SpanningConfig, ConfigSource, formset=_Members, fields=["source", "priority", "timeout_override"], extra=3
)
