"""Forms of the pages that span apps."""

from django import forms
from django.db.models import QuerySet
from django.forms import BoundField
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from routing.filters import studies_by_deliveries
from studies.models import Study
from studies.portal.forms import StudyFilterForm
from studies.selectors import list_studies

DELIVERIES = {"waiting": _("Waiting"), "failed": _("Failed"), "delivered": _("All delivered")}
# Filters that stand in a menu, because no column of the default has room for them.
IN_THE_MENU = ("received", "received_from", "received_to", "tier", "label", "completeness")
# Filters that stand under their column, and in the menu when the column is not shown.
UNDER_A_COLUMN = {
    "patient_id": "patient_id",
    "modality": "modality",
    "description": "description",
    "accession_number": "accession_number",
    "sender": "sender",
    "deliveries": "deliveries",
}


class StudyListForm(StudyFilterForm):
    """The filters of the archive, and what became of a study's deliveries."""

    deliveries = forms.ChoiceField(
        choices=[("", pgettext_lazy("deliveries", "any")), *DELIVERIES.items()],
        required=False,
        label=_("State of the deliveries"),
    )

    def studies(self) -> QuerySet[Study]:
        """What the filters ask for."""
        found = list_studies(self.filters())
        tab = self.cleaned_data.get("deliveries")
        return studies_by_deliveries(found, tab) if tab else found

    def in_the_menu(self, shown: frozenset[str]) -> list[BoundField]:
        """Fields of the menu, given the columns that are shown."""
        homeless = [name for name, column in UNDER_A_COLUMN.items() if column not in shown]
        return [self[name] for name in (*homeless, *IN_THE_MENU)]

    def used_in_the_menu(self, shown: frozenset[str]) -> int:
        """How many of them filter."""
        return sum(bool(self.cleaned_data.get(field.name)) for field in self.in_the_menu(shown))
