"""Studies as a table for a spreadsheet, line by line, however many there are."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from routing.selectors import Deliveries, deliveries_of_studies
from studies.csv_lines import csv_lines
from studies.models import Study

COLUMNS = (
    "StudyInstanceUID", "PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyDate",
    "StudyTime", "AccessionNumber", "StudyDescription", "ModalitiesInStudy", "Series", "Instances", "Bytes",
    "SendingAETitle", "ReceivedAt", "CompleteAt", "Tier", "Labels", "DeliveriesDone", "DeliveriesWaiting",
    "DeliveriesFailed",
)  # fmt: skip
_CHUNK = 500


def study_lines(studies: QuerySet[Study]) -> Iterator[str]:
    """All of them in their order, whatever columns the list shows."""
    return csv_lines(COLUMNS, _rows(studies))


def _rows(studies: QuerySet[Study]) -> Iterator[tuple[Any, ...]]:
    rows = studies.prefetch_related("labels").iterator(chunk_size=_CHUNK)
    while chunk := list(islice(rows, _CHUNK)):
        sums = deliveries_of_studies(chunk)
        for study in chunk:
            yield _row(study, sums.get(study.pk, Deliveries()))


def _row(study: Study, sums: Deliveries) -> tuple[Any, ...]:
    return (
        study.study_instance_uid,
        study.patient_id,
        study.issuer_of_patient_id,
        study.patient_name,
        study.patient_birth_date,
        study.patient_sex,
        study.study_date,
        study.study_time,
        study.accession_number,
        study.study_description,
        " ".join(study.modalities),
        study.number_of_study_related_series,
        study.number_of_study_related_instances,
        study.size_bytes,
        study.calling_ae_title,
        study.received_at,
        study.completed_at,
        study.tier,
        "; ".join(label.label for label in study.labels.all()),
        sums.delivered,
        sums.under_way,
        sums.failed,
    )
