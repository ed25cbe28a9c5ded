"""Filters of the API's lists of the archive; what they mean is in ``studies.selectors``."""

from dataclasses import fields

import django_filters
from django.db.models import QuerySet

from studies.clashes import COMPARED
from studies.models import Conflict, IdentityClash, Study, Tier
from studies.selectors import MAXIMUM_FILTER_LENGTH, StudyFilters, list_studies


def _text(words: str) -> django_filters.CharFilter:
    return django_filters.CharFilter(label=words, max_length=MAXIMUM_FILTER_LENGTH)


class StudyFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Everything a study list can be asked for; text is found anywhere, with ``*`` and ``?``."""

    patient_id = _text("Part of the Patient ID.")
    patient_name = _text("Words of the name, in any order.")
    accession_number = _text("Part of the Accession Number.")
    modality = _text("Modality codes, separated by commas; the study has one of them.")
    study_date_from = django_filters.DateFilter(label="First Study Date.", input_formats=["%Y-%m-%d", "%Y%m%d"])
    study_date_to = django_filters.DateFilter(label="Last Study Date.", input_formats=["%Y-%m-%d", "%Y%m%d"])
    description = _text("Part of the Study Description.")
    tier = django_filters.ChoiceFilter(label="Where it is stored.", choices=Tier.choices)
    q = _text("Words of name, identifiers or description.")
    sender = _text("Sending AE title as a whole, in its own case, or with * and ?.")
    received_from = django_filters.IsoDateTimeFilter(label="Its first instance came in at this moment or later.")
    received_to = django_filters.IsoDateTimeFilter(label="Its first instance came in before this moment.")
    label = _text("A label as a whole.")
    is_complete = django_filters.BooleanFilter(label="Nothing more came for its sender's quiet time.")
    is_odd = django_filters.BooleanFilter(label="Some header of it was read as well as it goes.")

    class Meta:
        model = Study
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Study]) -> QuerySet[Study]:
        """All at once, by the selector that the portal uses."""
        given = {field.name: self.form.cleaned_data.get(field.name) for field in fields(StudyFilters)}
        return list_studies(StudyFilters(**{name: value for name, value in given.items() if value not in (None, "")}))


class ConflictFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Open conflicts, or those of one study."""

    is_open = django_filters.BooleanFilter("resolved_at", lookup_expr="isnull", label="Not yet marked as seen.")
    study_instance_uid = django_filters.CharFilter("instance__series__study__study_instance_uid", label="Of one study.")
    sop_instance_uid = django_filters.CharFilter("instance__sop_instance_uid", label="Of one instance.")

    class Meta:
        model = Conflict
        fields: list[str] = []


class IdentityClashFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Open identity clashes, those of one study, or of one attribute."""

    is_open = django_filters.BooleanFilter("resolved_at", lookup_expr="isnull", label="Not yet marked as seen.")
    study_instance_uid = django_filters.CharFilter("study__study_instance_uid", label="Of one study.")
    attribute = django_filters.ChoiceFilter(choices=[(keyword, keyword) for keyword in COMPARED], label="Keyword.")

    class Meta:
        model = IdentityClash
        fields: list[str] = []
