"""What a back-test found: the studies by outcome, and as a table for a spreadsheet."""

from collections.abc import Iterator
from typing import Any

from django.db.models import F, QuerySet
from django.utils.translation import gettext_noop

from routing.backtest.models import BackTest, BackTestStudy
from studies.csv_lines import csv_lines as table

# The tabs of its page: what draft and live version say of a study.
OUTCOMES = {
    "differ": gettext_noop("Differ"),
    "draft-only": gettext_noop("Draft yes, live no"),
    "live-only": gettext_noop("Live yes, draft no"),
    "both": gettext_noop("Both"),
    "all": gettext_noop("All"),
}
_CONDITIONS: dict[str, dict[str, Any]] = {
    "draft-only": {"by_draft": True, "by_live": False},
    "live-only": {"by_draft": False, "by_live": True},
    "both": {"by_draft": True, "by_live": True},
    "all": {},
}
_COLUMNS = (
    "StudyInstanceUID",
    "PatientID",
    "PatientName",
    "StudyDate",
    "AccessionNumber",
    "ModalitiesInStudy",
    "StudyDescription",
    "Draft",
    "Live",
    "Instances",
)


def studies_of(back_test: BackTest, outcome: str = "all") -> QuerySet[BackTestStudy]:
    """Studies with this outcome, in the order in which they were judged."""
    found = back_test.studies.select_related("study").order_by("pk")
    if outcome == "differ":
        return found.exclude(by_draft=F("by_live"))
    return found.filter(**_CONDITIONS[outcome])


def counts_by_outcome(back_test: BackTest) -> dict[str, int]:
    """How many studies each tab has, from the sums that the test keeps and one count."""
    both = back_test.studies.filter(by_draft=True, by_live=True).count()
    draft_only = back_test.matched - both
    return {
        "differ": back_test.differing,
        "draft-only": draft_only,
        "live-only": back_test.differing - draft_only,
        "both": both,
        "all": both + back_test.differing,
    }


def csv_lines(back_test: BackTest, outcome: str = "all") -> Iterator[str]:
    """The studies as CSV, a line at a time; no cell can be taken for a formula."""
    return table(_COLUMNS, map(_row, studies_of(back_test, outcome).iterator(chunk_size=500)))


def _row(found: BackTestStudy) -> tuple[object, ...]:
    study = found.study
    return (
        study.study_instance_uid,
        study.patient_id,
        study.patient_name,
        study.study_date,
        study.accession_number,
        " ".join(study.modalities),
        study.study_description,
        "yes" if found.by_draft else "no",
        "yes" if found.by_live else "no",
        found.instance_count,
    )
