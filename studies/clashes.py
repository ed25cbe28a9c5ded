"""Is this the study's patient: instances whose identity differs from that of their study (PS3.3 C.7.1.1, C.7.2.1).

The study keeps what came in first, blanks filled by later instances; another value is flagged, never taken over.
"""

import logging
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from studies.arrival import Arrival
from studies.models import IdentityClash, Instance, Study
from studies.statements import write_columns

logger = logging.getLogger(__name__)
_SPACES = re.compile(r"\s+")
_NAME_COMPONENTS = 3  # family, given and middle name; prefix and suffix are titles (PS3.5 6.2.1.1)


def same_text(one: str, other: str) -> bool:
    """Alike but for case, spaces and forms of the same character."""
    return _folded(one) == _folded(other)


def same_date(one: str, other: str) -> bool:
    """The same digits: ``1970.01.01`` is how a DA was written before DICOM (PS3.5 6.2)."""
    return re.sub(r"\D", "", one) == re.sub(r"\D", "", other)


def same_name(one: str, other: str) -> bool:
    """Alike in each component group that both have; a name in one script and one in another cannot be compared."""
    groups = zip(one.split("="), other.split("="), strict=False)
    return all(_name(mine) == _name(theirs) for mine, theirs in groups if mine.strip("^ ") and theirs.strip("^ "))


# What tells one patient, or one order, from another. A blank on either side is no clash: it says nothing.
COMPARED: dict[str, tuple[str, Callable[[str, str], bool]]] = {
    "PatientID": ("patient_id", same_text),
    "IssuerOfPatientID": ("issuer_of_patient_id", same_text),
    "PatientName": ("patient_name", same_name),
    "PatientBirthDate": ("patient_birth_date", same_date),
    "PatientSex": ("patient_sex", same_text),
    "AccessionNumber": ("accession_number", same_text),
}


def record_clashes(arrivals: list[Arrival], studies: dict[str, Study]) -> None:
    """Flag what differs; within the transaction that holds the studies' locks and has the instances' rows."""
    clashing = _clashing(arrivals, studies)
    if not clashing:
        return
    pks = {study.pk for study, *_ in clashing}
    known = list(IdentityClash.objects.filter(study__in=pks))
    wanted = {arrival.sop_instance_uid for *_, arrival in clashing}
    rows = Instance.objects.filter(sop_instance_uid__in=wanted).only("sop_instance_uid", "sha256")
    instances = {(row.sop_instance_uid, row.sha256): row for row in rows}
    touched: dict[int, IdentityClash] = {}
    fresh = []
    for study, keyword, value, arrival in clashing:
        received_at = arrival.receipt["received_at"]
        clash = _find(known, study, keyword, value)
        if clash is None:
            clash = IdentityClash(
                study=study,
                instance=instances[arrival.key],
                attribute=keyword,
                study_value=getattr(study, COMPARED[keyword][0]),
                instance_value=value,
                received_at=received_at,
                last_received_at=received_at,
            )
            known.append(clash)
            fresh.append(clash)
        clash.number_of_instances += 1
        clash.last_received_at = max(clash.last_received_at, received_at)
        if clash.pk:
            touched[clash.pk] = clash
    IdentityClash.objects.bulk_create(fresh)
    write_columns(IdentityClash, ["number_of_instances", "last_received_at"], list(touched.values()))
    if fresh:
        attributes = sorted({clash.attribute for clash in fresh})
        logger.error("instances name another patient than their study", extra={"attributes": attributes})


def _clashing(arrivals: list[Arrival], studies: dict[str, Study]) -> list[tuple[Study, str, str, Arrival]]:
    """Study, keyword, other value and the arrival that has it."""
    found = []
    differing: dict[tuple[int, int], list[tuple[str, str]]] = {}  # the instances of a series share the object
    for arrival in arrivals:
        study = studies[arrival.study["study_instance_uid"]]
        key = (study.pk, id(arrival.study))
        if key not in differing:
            differing[key] = _differences(study, arrival.study)
        found += [(study, keyword, value, arrival) for keyword, value in differing[key]]
    return found


def _differences(study: Study, said: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (keyword, said[field])
        for keyword, (field, is_same) in COMPARED.items()
        if said[field] and getattr(study, field) and not is_same(getattr(study, field), said[field])
    ]


def _find(known: list[IdentityClash], study: Study, keyword: str, value: str) -> IdentityClash | None:
    is_same = COMPARED[keyword][1]
    for clash in known:
        if clash.study_id == study.pk and clash.attribute == keyword and is_same(clash.instance_value, value):
            return clash
    return None


def _folded(text: str) -> str:
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


def _name(group: str) -> list[str]:
    components = [_folded(component) for component in group.split("^")[:_NAME_COMPONENTS]]
    while components and not components[-1]:
        components.pop()
    return components
