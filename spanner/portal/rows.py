"""A match of a federated search as a page shows it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydicom.datadict import dictionary_description

from spanner.answers import text_of, values_of
from spanner.merge import Merged
from spanner.models import Fetch
from spanner.models.fetches import OPEN
from spanner.question import PATIENT_ID, STUDY_DATE, STUDY_UID
from studies.models import Study
from studies.query.keys import BY_KEYWORD

_STUDY_TIME = BY_KEYWORD["StudyTime"].tag


@dataclass(frozen=True)
class Shown:
    """One study.

    Attributes:
        key: tells the row from all others of the page.
        differing: names of attributes that the archives do not agree on.
        is_here: this Gantry's archive has it, or some of it.
        fetch_pk: of the fetch that brings it; None: it is not on its way.
        is_conflicting: another patient's study has the same UID.
    """

    key: str
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
    fetch_pk: int | None
    is_conflicting: bool


def newest_first(found: Iterable[Merged]) -> list[Merged]:
    """By study date and time; studies without a date come last."""
    return sorted(found, key=lambda one: (text_of(one.row, STUDY_DATE), text_of(one.row, _STUDY_TIME)), reverse=True)


def shown(found: Sequence[Merged], local: Collection[str]) -> list[Shown]:
    """Rows of the table.

    Args:
        found: the matches.
        local: names of sources that are this Gantry's own archive.
    """
    uids = [text_of(one.row, STUDY_UID) for one in found]
    here = set(Study.objects.filter(study_instance_uid__in=uids).values_list("study_instance_uid", flat=True))
    fetches = Fetch.objects.filter(study_instance_uid__in=uids, state__in=OPEN).order_by()
    on_their_way = dict(fetches.values_list("study_instance_uid", "pk"))
    return [_shown(str(at), one, here, on_their_way, local) for at, one in enumerate(found)]


def _shown(
    key: str, one: Merged, here: Collection[str], on_their_way: Mapping[str, int], local: Collection[str]
) -> Shown:
    def text(keyword: str) -> str:
        return text_of(one.row, BY_KEYWORD[keyword].tag)

    uid = text_of(one.row, STUDY_UID)
    # Of two patients' studies with one UID, the one that is here may be the other patient's.
    is_ours = not one.is_conflicting or not set(local).isdisjoint(one.sources)
    return Shown(
        key=key,
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
        is_here=uid in here and is_ours,
        fetch_pk=None if one.is_conflicting else on_their_way.get(uid),
        is_conflicting=one.is_conflicting,
    )
