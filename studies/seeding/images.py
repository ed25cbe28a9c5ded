"""Fictitious studies with images: phantoms of the lab that come in through the spool and the index as any arrival."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from dicomnet.lab.generate import written
from dicomnet.lab.phantoms import MIXED, one_study
from dicomnet.lab.rewrite import Rewriting
from dicomnet.scu.outgoing import Outgoing
from dicomnet.services import StoreRequest
from dicomnet.statuses import StoreStatus
from studies.dimse import local_spool
from studies.index import index_spool
from studies.models import Instance, Study, StudyLabel
from studies.seeding.marks import FICTITIOUS, GIVEN_BY, IMAGES, PATIENT_PREFIX, SENDER_PREFIX
from studies.seeding.people import patient

SLICES = {"CR": 2, "US": 1, "CT": 12, "MR": 9}
APART = 1 << 40  # from the UIDs of what ``senddicom --generate`` makes of the same seed
WAIT_SECONDS = 120


class NotTakenIn(Exception):
    """The archive takes nothing in now; the message says why, for people."""


def store_images(count: int, *, seed: int, folder: Path, on_study: Callable[[], None] = lambda: None) -> None:
    """Make the next studies of a seed that have images, and wait until they are indexed and labelled.

    Args:
        folder: for files on their way; the caller removes it.

    Raises:
        NotTakenIn: the spool refuses, or the index does not get through.
        OSError: the folder cannot be written.
    """
    prefix = f"{PATIENT_PREFIX}{seed}-{IMAGES}"
    first = Study.objects.filter(patient_id__startswith=prefix).count() + 1
    now = timezone.localtime().replace(tzinfo=None)
    for number in range(first, first + count):
        kind = MIXED[(number - 1) % len(MIXED)]
        of = patient(seed, number)
        values = {
            "PatientID": f"{prefix}{number:05d}",
            "PatientName": of.patient_name,
            "PatientBirthDate": of.birth_date.strftime("%Y%m%d"),
            "PatientSex": of.sex,
            "InstitutionName": "Seed Hospital North",
        }
        began_at = now - timedelta(minutes=30)
        made = one_study(kind, SLICES[kind.modality], seed=seed + APART, number=number, began_at=began_at)
        files = written(made, folder, Rewriting(salt=seed, values=values), lambda: None)
        for file in files:
            _take_in(file, f"{SENDER_PREFIX}NORTH_{kind.modality}1")
        _index({file.sop_instance_uid for file in files})
        study = Study.objects.get(patient_id=values["PatientID"])
        StudyLabel.objects.create(study=study, label=FICTITIOUS, given_by=GIVEN_BY)
        on_study()


def _take_in(file: Outgoing, calling_ae_title: str) -> None:
    request = StoreRequest(
        sop_class_uid=file.sop_class_uid,
        sop_instance_uid=file.sop_instance_uid,
        transfer_syntax_uid=file.transfer_syntax_uid,
        calling_ae_title=calling_ae_title,
        called_ae_title=settings.GANTRY.ae_title,
        source_address="127.0.0.1",
    )
    sink = local_spool().open(request)
    sink.write(file.path.read_bytes()[file.data_set_offset :])
    answer = sink.commit()
    if answer.status != StoreStatus.SUCCESS:
        raise NotTakenIn(f"The spool refuses: {answer.comment}.")


def _index(uids: set[str]) -> None:
    """Here, or by the worker of a product that runs: one of them does it at a time."""
    deadline = time.monotonic() + WAIT_SECONDS
    while Instance.objects.filter(sop_instance_uid__in=uids).count() < len(uids):
        if time.monotonic() > deadline:
            raise NotTakenIn("The index has not got through what was stored; see the log of worker-index.")
        index_spool(local_spool())
        time.sleep(0.05)
