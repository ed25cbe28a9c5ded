"""A match of a federated search as a page shows it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from pydicom.datadict import dictionary_description

from spanner.answers import text_of, values_of
from spanner.merge import Merged
from spanner.question import PATIENT_ID, STUDY_DATE, STUDY_UID
from studies.models import Study
from studies.query.keys import BY_KEYWORD


@dataclass(frozen=True)
class Shown:
    """One study.

    Attributes:
        differing: names of attributes that the archives do not agree on.
        is_here: this Gantry's archive has it, or some of it.
        is_conflicting: another patient's study has the same UID.
    """

    uid: str
    patient_name: str
    patient_id: str
    birth_date: str
    study_date: str
    modalities: list[str]
    description: str
    accession_number: str
    series: str
    instances: str
    sources: Sequence[str]
    differing: Sequence[str]
    is_here: bool
    is_conflicting: bool


def stored_here(found: Iterable[Merged]) -> set[str]:
    """Study Instance UIDs of those that lie in this archive."""
    uids = [text_of(one.row, STUDY_UID) for one in found]
    return set(Study.objects.filter(study_instance_uid__in=uids).values_list("study_instance_uid", flat=True))


def shown(found: Iterable[Merged], here: Collection[str]) -> list[Shown]:
    """Rows of the table."""
    return [_shown(one, here) for one in found]


def _shown(one: Merged, here: Collection[str]) -> Shown:
    def text(keyword: str) -> str:
        return text_of(one.row, BY_KEYWORD[keyword].tag)

    uid = text_of(one.row, STUDY_UID)
    return Shown(
        uid=uid,
        patient_name=text("PatientName"),
        patient_id=text_of(one.row, PATIENT_ID),
        birth_date=text("PatientBirthDate"),
        study_date=text_of(one.row, STUDY_DATE),
        modalities=[str(value) for value in values_of(one.row, BY_KEYWORD["ModalitiesInStudy"].tag) if value],
        description=text("StudyDescription"),
        accession_number=text("AccessionNumber"),
        series=text("NumberOfStudyRelatedSeries"),
        instances=text("NumberOfStudyRelatedInstances"),
        sources=one.sources,
        differing=[dictionary_description(int(name, 16)) for name in sorted(one.differing)],
        is_here=uid in here,
        is_conflicting=one.is_conflicting,
    )
