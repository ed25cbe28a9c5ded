"""The filters of the study list, from its address."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone

from studies.models import Tier
from studies.selectors import StudyFilters

PERIODS = {
    "today": ("Today", 0, 0),
    "yesterday": ("Yesterday", 1, 1),
    "7d": ("7 days", 6, 0),
    "30d": ("30 days", 29, 0),
}
PAGE_SIZES = (25, 50, 100)
# Columns of the list, and what each is sorted by; the primary key makes the order whole.
ORDERINGS = {
    "patient_name": "patient_name",
    "patient_id": "patient_id",
    "birth_date": "patient_birth_date",
    "study_date": "study_date",
    "description": "study_description",
    "accession_number": "accession_number",
    "instances": "number_of_study_related_instances",
    "size": "size_bytes",
    "sender": "calling_ae_title",
    "received": "received_at",
}
DEFAULT_ORDERING = "-received"


class StudyFilterForm(forms.Form):
    """Every field may be empty; a value that makes no sense is told and filters nothing."""

    q = forms.CharField(max_length=200, required=False, label="Search")
    patient_name = forms.CharField(max_length=64, required=False, label="Patient name")
    patient_id = forms.CharField(max_length=64, required=False, label="Patient ID")
    accession_number = forms.CharField(max_length=64, required=False, label="Accession number")
    description = forms.CharField(max_length=64, required=False, label="Study description")
    modality = forms.MultipleChoiceField(required=False, label="Modality")
    period = forms.ChoiceField(
        choices=[("", "Any date"), *((name, period[0]) for name, period in PERIODS.items())],
        required=False,
        label="Study date",
    )
    study_date_from = forms.DateField(
        required=False, label="Study date from", widget=forms.DateInput(attrs={"type": "date"})
    )
    study_date_to = forms.DateField(
        required=False, label="Study date to", widget=forms.DateInput(attrs={"type": "date"})
    )
    tier = forms.ChoiceField(choices=[("", "Any tier"), *Tier.choices], required=False, label="Tier")

    def __init__(self, data: QueryDict, *, modalities: list[str]) -> None:
        super().__init__(data)
        modality = self.fields["modality"]
        assert isinstance(modality, forms.MultipleChoiceField)  # noqa: S101 (tells the type checker)
        # A kept address may ask for a modality of which nothing is stored yet: it finds nothing, not everything.
        asked = [code for code in data.getlist("modality") if len(code) <= 16]
        modality.choices = [(code, code) for code in sorted({*modalities, *asked})]

    def filters(self) -> StudyFilters:
        """What the selector takes; a preset period goes before dates."""
        values = {name: value for name, value in self._valid().items() if value}
        first, last = values.get("study_date_from"), values.get("study_date_to")
        if "period" in values:
            first, last = dates_of(values["period"], timezone.localdate())
        return StudyFilters(
            patient_id=values.get("patient_id", ""),
            patient_name=values.get("patient_name", ""),
            accession_number=values.get("accession_number", ""),
            modality=",".join(values.get("modality", ())),
            study_date_from=first,
            study_date_to=last,
            description=values.get("description", ""),
            tier=values.get("tier", ""),
            q=values.get("q", ""),
        )

    def is_empty(self) -> bool:
        """True when nothing is filtered."""
        return not any(self._valid().values())

    def _valid(self) -> dict[str, Any]:
        self.is_valid()
        return self.cleaned_data


def dates_of(period: str, today: date) -> tuple[date, date]:
    """First and last day of a preset that moves with the calendar."""
    _, first, last = PERIODS[period]
    return today - timedelta(days=first), today - timedelta(days=last)


def ordering_of(wanted: str) -> tuple[str, list[str]]:
    """The column that the address asks for, when there is one such, and the fields to sort by."""
    column = wanted.removeprefix("-")
    if column not in ORDERINGS:
        wanted, column = DEFAULT_ORDERING, DEFAULT_ORDERING.removeprefix("-")
    sign = "-" if wanted.startswith("-") else ""
    return wanted, [f"{sign}{ORDERINGS[column]}", f"{sign}pk"]


def page_size_of(wanted: str) -> int:
    """One of the offered sizes."""
    return int(wanted) if wanted.isdecimal() and int(wanted) in PAGE_SIZES else PAGE_SIZES[1]
