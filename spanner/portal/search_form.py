"""The form of a federated search, and what it asks."""

from datetime import date, datetime
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from spanner.models import SpanningConfig
from spanner.question import STUDY_DATE, Question, question
from studies.admission import is_uid
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

    federation = forms.ModelChoiceField(
        SpanningConfig.objects.none(), empty_label=None, label=gettext_lazy("Federation")
    )
    patient_name = forms.CharField(
        max_length=64, required=False, label=gettext_lazy("Patient name"), help_text=gettext_lazy("Doe^Jane, or Doe*")
    )
    patient_id = forms.CharField(max_length=64, required=False, label=gettext_lazy("Patient ID"))
    accession_number = forms.CharField(max_length=16, required=False, label=gettext_lazy("Accession number"))
    study_date_from = forms.DateField(required=False, label=gettext_lazy("Study date from"))
    study_date_to = forms.DateField(required=False, label=gettext_lazy("Study date to"))
    modality = forms.CharField(
        max_length=16, required=False, label=gettext_lazy("Modality"), help_text=gettext_lazy("CT, MR …")
    )
    description = forms.CharField(max_length=64, required=False, label=gettext_lazy("Study description"))
    study_instance_uid = forms.CharField(max_length=64, required=False, label=gettext_lazy("Study Instance UID"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        federations: Any = self.fields["federation"]
        federations.queryset = SpanningConfig.objects.filter(is_enabled=True)
        for name in ("study_date_from", "study_date_to"):
            self.fields[name].widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"})
        for name in ("patient_name", "patient_id", "accession_number", "description", "study_instance_uid"):
            self.fields[name].widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}
        self.fields["patient_name"].widget.attrs |= {"data-search": True}

    def clean_study_instance_uid(self) -> str:
        """What is no UID is found nowhere, and is more likely another number."""
        given: str = self.cleaned_data["study_instance_uid"].strip()
        if given and not is_uid(given):
            raise forms.ValidationError(_("A UID is made of digits and points, such as 1.2.840.1."))
        return given

    def clean(self) -> dict[str, Any]:
        """Something is looked for: to list all studies of all archives takes them minutes."""
        values = super().clean() or {}
        if self.errors:
            return values
        first, last = values["study_date_from"], values["study_date_to"]
        if first and last and first > last:
            raise forms.ValidationError(_("The first study date comes after the last."))
        if not self.wanted():
            raise forms.ValidationError(_("Say what is looked for: a name, an ID, an accession number, or dates."))
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


def initial_of(asked: Question) -> dict[str, Any]:
    """The fields that ask this question."""
    values = {name: asked.value(BY_KEYWORD[keyword].tag) for name, keyword in _KEYWORDS.items()}
    first, dash, last = asked.value(STUDY_DATE).partition("-")
    return {
        **values,
        "modality": asked.value(BY_KEYWORD["ModalitiesInStudy"].tag),
        "study_date_from": _date(first),
        "study_date_to": _date(last if dash else first),
    }


def _date(text: str) -> date | None:
    return datetime.strptime(text, "%Y%m%d").date() if text else None  # noqa: DTZ007 (a date has no zone)
