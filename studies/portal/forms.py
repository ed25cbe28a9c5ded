"""The filters of the study list, from its address."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from studies.choices import Choices
from studies.models import Tier
from studies.selectors import StudyFilters

PERIODS = {
    "today": (_("Today"), 0, 0),
    "yesterday": (_("Yesterday"), 1, 1),
    "7d": (_("7 days"), 6, 0),
    "30d": (_("30 days"), 29, 0),
}
_PRESETS = [(name, period[0]) for name, period in PERIODS.items()]
COMPLETENESS = {"complete": _("Complete"), "incoming": _("Still coming in")}
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
DEFAULT_PAGE_SIZE = PAGE_SIZES[1]


def _day(label: Any) -> forms.DateField:
    return forms.DateField(required=False, label=label, widget=forms.DateInput(attrs={"type": "date"}))


class StudyFilterForm(forms.Form):
    """Every field may be empty; a value that makes no sense is told and filters nothing."""

    q = forms.CharField(max_length=200, required=False, label=_("Search"))
    patient_name = forms.CharField(max_length=64, required=False, label=_("Patient name"))
    patient_id = forms.CharField(max_length=64, required=False, label=_("Patient ID"))
    accession_number = forms.CharField(max_length=64, required=False, label=_("Accession number"))
    description = forms.CharField(max_length=64, required=False, label=_("Study description"))
    modality = forms.MultipleChoiceField(required=False, label=_("Modality"), widget=forms.CheckboxSelectMultiple)
    period = forms.ChoiceField(choices=[("", _("Any date")), *_PRESETS], required=False, label=_("Study date"))
    study_date_from = _day(_("Study date from"))
    study_date_to = _day(_("Study date to"))
    sender = forms.CharField(max_length=16, required=False, label=_("Sending AE title"))
    received = forms.ChoiceField(choices=[("", _("At any time")), *_PRESETS], required=False, label=_("Received"))
    received_from = _day(_("Received from"))
    received_to = _day(_("Received to"))
    tier = forms.ChoiceField(choices=[("", _("Any tier")), *Tier.choices], required=False, label=_("Tier"))
    label = forms.CharField(max_length=64, required=False, label=_("Label"))
    completeness = forms.ChoiceField(
        choices=[("", _("Complete or not")), *COMPLETENESS.items()], required=False, label=_("Completeness")
    )

    def __init__(self, data: QueryDict, *, choices: Choices) -> None:
        super().__init__(data)
        self.given = data
        self._choices = choices
        modality = self.fields["modality"]
        assert isinstance(modality, forms.MultipleChoiceField)  # noqa: S101 (tells the type checker)
        # A kept address may ask for a modality of which nothing is stored yet: it finds nothing, not everything.
        asked = [code for code in data.getlist("modality") if len(code) <= 16]
        modality.choices = [(code, code) for code in sorted({*choices.modalities, *asked})]
        for name, values in (("sender", "senders"), ("label", "labels")):
            self.fields[name].widget.attrs |= {"list": values, "autocomplete": "off"}

    def clean_sender(self) -> str:
        """An AE title that is known in another case is meant in that one: an index finds it only as it is written."""
        return _as_known(self.cleaned_data["sender"], self._choices.senders)

    def clean_label(self) -> str:
        """Likewise a label."""
        return _as_known(self.cleaned_data["label"], self._choices.labels)

    def filters(self) -> StudyFilters:
        """What the selector takes; a preset period goes before dates."""
        values = {name: value for name, value in self._valid().items() if value}
        today = timezone.localdate()
        studied = _range(values, "period", "study_date_from", "study_date_to", today)
        first, last = _range(values, "received", "received_from", "received_to", today)
        completeness = values.get("completeness", "")
        return StudyFilters(
            patient_id=values.get("patient_id", ""),
            patient_name=values.get("patient_name", ""),
            accession_number=values.get("accession_number", ""),
            modality=",".join(values.get("modality", ())),
            study_date_from=studied[0],
            study_date_to=studied[1],
            description=values.get("description", ""),
            tier=values.get("tier", ""),
            q=values.get("q", ""),
            sender=values.get("sender", ""),
            received_from=_begin_of(first),
            received_to=_begin_of(last, days_later=1),
            label=values.get("label", ""),
            is_complete=completeness == "complete" if completeness else None,
        )

    def is_empty(self) -> bool:
        """True when nothing is filtered."""
        return not any(self._valid().values())

    def query(self) -> str:
        """The filters that make sense and the order as a query string in one form, whatever else the address says."""
        found, valid = QueryDict(mutable=True), self._valid()
        for name in self.fields:
            if value := valid.get(name):
                found.setlist(name, value if isinstance(value, list) else [str(value)])
        ordering, _ = ordering_of(self.given.get("ordering", ""))
        if ordering != DEFAULT_ORDERING:
            found["ordering"] = ordering
        page_size = page_size_of(self.given.get("page_size", ""))
        if page_size != DEFAULT_PAGE_SIZE:
            found["page_size"] = str(page_size)
        return found.urlencode()

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
    return int(wanted) if wanted.isdecimal() and int(wanted) in PAGE_SIZES else DEFAULT_PAGE_SIZE


def _range(values: dict[str, Any], preset: str, first: str, last: str, today: date) -> tuple[date | None, date | None]:
    return dates_of(values[preset], today) if preset in values else (values.get(first), values.get(last))


def _begin_of(day: date | None, days_later: int = 0) -> datetime | None:
    if day is None:
        return None
    # The first and the last days that there are have no moment in every time zone.
    day = min(max(day, date(1900, 1, 1)), date(9000, 1, 1)) + timedelta(days=days_later)
    return timezone.make_aware(datetime.combine(day, time.min))


def _as_known(asked: str, known: list[str]) -> str:
    if asked in known:
        return asked
    return next((value for value in known if value.casefold() == asked.casefold()), asked)
