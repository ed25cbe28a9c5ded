"""Synthetic studies: as many instances as asked for, of one modality or of all in turn."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from pydicom.dataset import FileDataset

from dicomnet.lab import cr, ct, mr, us
from dicomnet.lab.headers import Study
from dicomnet.lab.people import person

EPOCH = datetime(2026, 1, 5, 8, 0)  # noqa: DTZ001 (DICOM dates are the scanner's local time)


@dataclass(frozen=True)
class Kind:
    """A kind of study: how it is made, and how many instances it has at most."""

    modality: str
    description: str
    body_part: str
    largest: int
    instances: Callable[[Study, int], Iterator[FileDataset]]


KINDS = {
    "CR": (Kind("CR", cr.DESCRIPTION, "CHEST", 2, cr.cr_instances),),
    "US": (Kind("US", us.DESCRIPTION, "HEART", 2, us.us_instances),),
    "MR": (Kind("MR", mr.DESCRIPTION, "BRAIN", 60, mr.mr_instances),),
    "CT": tuple(
        Kind("CT", ct.PROTOCOLS[region].description, ct.PROTOCOLS[region].body_part, 80, make)
        for region in ("head", "chest")
        for make in (partial(ct.ct_instances, region=region),)
    ),
}
# The small ones first, so that a handful of instances already shows several modalities.
MIXED = (KINDS["CR"][0], KINDS["US"][0], KINDS["CT"][0], KINDS["MR"][0], KINDS["CT"][1])
MODALITIES = (*sorted(KINDS), "mixed")


def studies(
    instances: int,
    *,
    seed: int,
    modality: str = "mixed",
    first_patient: int = 1,
    first_study_at: datetime = EPOCH,
) -> Iterator[FileDataset]:
    """Synthetic instances in Explicit VR Little Endian, study after study, one patient for each study.

    The same arguments give the same bytes.

    Args:
        instances: how many to make; the last study is as small as it must be.
        seed: UIDs and noise follow from it.
        modality: one of ``MODALITIES``.
        first_patient: the first study is of patient ``LAB-<first_patient>``.
        first_study_at: local time at which the first study began; the next ones follow by 40 minutes.
    """
    kinds = MIXED if modality == "mixed" else KINDS[modality]
    number = 0
    while instances > 0:
        kind = kinds[number % len(kinds)]
        count = min(instances, kind.largest)
        began_at = first_study_at + timedelta(minutes=40 * number)
        yield from one_study(kind, count, seed=seed, number=first_patient + number, began_at=began_at)
        instances -= count
        number += 1


def one_study(kind: Kind, instances: int, *, seed: int, number: int, began_at: datetime) -> Iterator[FileDataset]:
    """One study of patient ``LAB-<number>``."""
    study = Study(
        seed=seed,
        number=number,
        person=person(number),
        began_at=began_at,
        modality=kind.modality,
        description=kind.description,
        body_part=kind.body_part,
    )
    return kind.instances(study, instances)
