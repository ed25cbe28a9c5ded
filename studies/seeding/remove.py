"""Take fictitious studies away again: records as rows, those with images as any other study is deleted."""

from collections.abc import Iterator, Sequence

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from studies.deletions.request import delete
from studies.models import Instance, Study
from studies.seeding.marks import GIVEN_BY, NO_FILE, PATIENT_PREFIX, SENDER_PREFIX, is_fictitious, is_record

BATCH = 500


def records() -> QuerySet[Study]:
    """Fictitious studies of which nothing has a file; one that real instances came in for is none any more."""
    with_file = Instance.objects.filter(series__study=OuterRef("pk")).exclude(location=NO_FILE)
    return Study.objects.filter(is_record()).filter(~Exists(with_file))


def record_batches() -> Iterator[list[int]]:
    """Their keys, some hundred at a time; read before the first is removed."""
    pks = list(records().order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(pks), BATCH):
        yield pks[start : start + BATCH]


def remove_records(pks: Sequence[int]) -> None:
    """Remove these with all that hangs on them; no record is made of it, for nothing was stored.

    Raises:
        ProtectedError: a delivery of one is in the ledger.
    """
    with transaction.atomic():
        Instance.objects.filter(series__study__in=pks).delete()
        Study.objects.filter(pk__in=pks).delete()


def with_images() -> QuerySet[Study]:
    """Fictitious studies that came in through the spool."""
    ours = {"patient_id__startswith": PATIENT_PREFIX, "calling_ae_title__startswith": SENDER_PREFIX}
    return Study.objects.filter(is_fictitious(), **ours).filter(~is_record())


def remove_images(study: Study) -> None:
    """Delete one.

    Raises:
        DeletionRefused: it was delivered, or is to be.
    """
    delete(study.study_instance_uid, by=f"{GIVEN_BY} --remove")
