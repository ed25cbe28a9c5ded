"""The audit trail as a file that streams: CSV for a spreadsheet, JSON for a program."""

import json
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse

from dicomnet.audit import Action, Entry
from gateway.audit.canonical import compact, moment
from gateway.audit.models import AuditRecord
from gateway.audit.record import record
from gateway.audit.search import AuditFilter
from studies.csv_lines import csv_lines

COLUMNS = (
    "id",
    "chain",
    "sequence",
    "at",
    "action",
    "actor",
    "actor_kind",
    "address",
    "patient_id",
    "study_instance_uid",
    "subject",
    "number",
    "detail",
    "key_id",
    "previous",
    "hash",
)
TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def export(asked: AuditFilter, form: str) -> StreamingHttpResponse:
    """All records that are wanted; that they are taken out is on record before the first of them is.

    Args:
        asked: the filters, which are valid.
        form: ``csv`` or ``json``.
    """
    filters = {name: str(value) for name, value in asked.values.items() if value and name not in {"before", "limit"}}
    record(
        Entry(
            Action.AUDIT_EXPORTED, patient_id=filters.pop("patient_id", ""), subject=form, detail={"filters": filters}
        )
    )
    lines = _as_csv(asked.records()) if form == "csv" else _as_json(asked.records())
    response = StreamingHttpResponse(lines, content_type=TYPES[form])
    response["Content-Disposition"] = f'attachment; filename="audit.{form}"'
    response["Cache-Control"] = "private, no-store"
    if (until := asked.archived_until()) is not None:
        response["X-Gantry-Archived-Until"] = moment(until)  # the file holds no record of the archive
    response["X-Content-Type-Options"] = "nosniff"
    return response


def as_values(row: AuditRecord) -> dict[str, Any]:
    """A record as the API shows it."""
    return {
        "id": row.pk,
        "chain": row.chain_id,
        "sequence": row.sequence,
        "at": moment(row.at),
        "action": row.action,
        "actor": row.actor,
        "actor_kind": row.actor_kind,
        "address": row.address,
        "patient_id": row.patient_id,
        "study_instance_uid": row.study_instance_uid,
        "subject": row.subject,
        "number": row.number,
        "detail": detail_of(row),
        "key_id": row.key_id,
        "previous": row.previous,
        "hash": row.hash,
    }


def detail_of(row: AuditRecord) -> Any:
    """The details; those that were cut, or tampered with, as text."""
    try:
        return json.loads(row.detail)
    except ValueError:
        return row.detail


def _as_csv(rows: QuerySet[AuditRecord]) -> Iterator[str]:
    found = (as_values(row) | {"detail": row.detail} for row in rows.iterator(chunk_size=500))
    return csv_lines(COLUMNS, ([values[name] for name in COLUMNS] for values in found))


def _as_json(rows: QuerySet[AuditRecord]) -> Iterator[str]:
    yield "["
    before = "\n"
    for row in rows.iterator(chunk_size=500):
        yield before + compact(as_values(row))
        before = ",\n"
    yield "\n]\n"
