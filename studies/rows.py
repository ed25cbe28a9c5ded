"""Arrivals as rows: studies, series, instances and conflicts, with their counters (PS3.4 C.6.2.1).

A batch costs a fixed number of statements, whatever it holds. The rows of its studies and series are locked first, in
order: two hosts that index into one study wait for each other, instead of counting past each other or for ever.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Model
from django.utils import timezone

from dicomnet.audit import record
from studies.arrival import Arrival
from studies.changes.models import ChangeKind
from studies.changes.record import record_changes
from studies.clashes import record_clashes
from studies.models import Conflict, Instance, Series, Study
from studies.on_record import received
from studies.statements import insert_rows, write_columns

logger = logging.getLogger(__name__)
BACKSLASH = "\\"
MODALITIES_LENGTH = 255  # of Study.modalities_in_study
SERIES_COUNTERS = (
    "number_of_series_related_instances",
    "size_bytes",
    "last_received_at",
    "completed_at",
    "decided_at",
)
STUDY_COUNTERS = (
    "number_of_study_related_series",
    "number_of_study_related_instances",
    "size_bytes",
    "modalities_in_study",
    "last_received_at",
    "completed_at",
    "decided_at",
)


def insert(arrivals: list[Arrival], *, taken: set[str]) -> None:
    """Write studies, series, instances and conflicts, and count what is new; within the caller's transaction.

    Args:
        arrivals: contents that have no row yet, the oldest first.
        taken: SOP Instance UIDs among them that have a primary content.
    """
    if not arrivals:
        return
    studies = _upsert_studies(arrivals)
    series = _upsert_series(arrivals, studies)
    rows = _instance_rows(arrivals, series, taken)
    insert_rows(Instance, rows)
    _record_conflicts([row for row in rows if not row["is_primary"]])
    filled = _fill_blanks((series[_series_key(arrival)], arrival.series) for arrival in arrivals)
    _count_in_series(rows, series)
    write_columns(Series, [*SERIES_COUNTERS, *sorted(filled)], list(series.values()))
    filled = _fill_blanks((studies[arrival.study["study_instance_uid"]], arrival.study) for arrival in arrivals)
    _count_in_studies(rows, studies, series)
    write_columns(Study, [*STUDY_COUNTERS, *sorted(filled)], list(studies.values()))
    record_clashes(arrivals, studies)
    record(*received(arrivals))
    # Last: what it locks is kept until the commit.
    record_changes(ChangeKind.RECEIVED, Counter(arrival.study["study_instance_uid"] for arrival in arrivals))


def _instance_rows(
    arrivals: list[Arrival], series: dict[tuple[str, str], Series], taken: set[str]
) -> list[dict[str, Any]]:
    primaries, now = set(taken), timezone.now()
    rows = []
    for arrival in arrivals:
        uid = arrival.sop_instance_uid
        place = {"series_id": series[_series_key(arrival)].pk, "is_primary": uid not in primaries, "indexed_at": now}
        rows.append(arrival.instance | arrival.receipt | place)
        primaries.add(uid)
    return rows


def _record_conflicts(others: list[dict[str, Any]]) -> None:
    """The same UID with other content: both are kept and routed, and people are told."""
    if not others:
        return
    uids = {other["sop_instance_uid"] for other in others}
    known = Instance.objects.filter(sop_instance_uid__in=uids).only("sop_instance_uid", "sha256", "is_primary")
    contents = {(row.sop_instance_uid, row.sha256): row for row in known}
    primary = {row.sop_instance_uid: row for row in contents.values() if row.is_primary}
    Conflict.objects.bulk_create(
        [
            Conflict(
                instance=primary[other["sop_instance_uid"]],
                other=contents[other["sop_instance_uid"], other["sha256"]],
                received_at=other["received_at"],
            )
            for other in others
        ]
    )
    logger.error("same SOP Instance UID with other content, both kept", extra={"count": len(others)})


def _upsert_studies(arrivals: list[Arrival]) -> dict[str, Study]:
    first: dict[str, Arrival] = {}
    for arrival in arrivals:
        first.setdefault(arrival.study["study_instance_uid"], arrival)
    locked = Study.objects.select_for_update().filter(study_instance_uid__in=first).order_by("pk")
    studies = {study.study_instance_uid: study for study in locked}
    missing = sorted(set(first) - set(studies))
    if missing:
        rows = [_new_study(first[uid]) for uid in missing]
        Study.objects.bulk_create(rows, ignore_conflicts=True)
        studies = {study.study_instance_uid: study for study in locked.all()}
    return studies


def _new_study(arrival: Arrival) -> Study:
    received_at = arrival.receipt["received_at"]
    return Study(
        **arrival.study,
        calling_ae_title=arrival.receipt["calling_ae_title"],
        received_at=received_at,
        last_received_at=received_at,
    )


def _upsert_series(arrivals: list[Arrival], studies: dict[str, Study]) -> dict[tuple[str, str], Series]:
    first: dict[tuple[str, str], Arrival] = {}
    for arrival in arrivals:
        first.setdefault(_series_key(arrival), arrival)
    by_pk = {study.pk: uid for uid, study in studies.items()}
    uids = {uid for _, uid in first}
    locked = Series.objects.select_for_update().filter(study__in=by_pk, series_instance_uid__in=uids).order_by("pk")
    series = {(by_pk[row.study_id], row.series_instance_uid): row for row in locked}
    missing = [key for key in first if key not in series]
    if missing:
        rows = [_new_series(first[key], studies[key[0]]) for key in missing]
        Series.objects.bulk_create(rows, ignore_conflicts=True)
        series = {(by_pk[row.study_id], row.series_instance_uid): row for row in locked.all()}
    return series


def _new_series(arrival: Arrival, study: Study) -> Series:
    return Series(study=study, **arrival.series, last_received_at=arrival.receipt["received_at"])


def _series_key(arrival: Arrival) -> tuple[str, str]:
    return arrival.study["study_instance_uid"], arrival.series["series_instance_uid"]


def _fill_blanks(rows: Iterable[tuple[Model, dict[str, Any]]]) -> set[str]:
    """What the first instance said stands; what it left empty comes from a later one. Returns the names filled."""
    filled: set[str] = set()
    seen: set[tuple[int, int]] = set()
    for row, values in rows:
        if (row.pk, id(values)) in seen:  # the instances of a series share the object
            continue
        seen.add((row.pk, id(values)))
        for name, value in values.items():
            if value and not getattr(row, name):
                setattr(row, name, value)
                filled.add(name)
    return filled


def _count_in_series(rows: list[dict[str, Any]], series: dict[tuple[str, str], Series]) -> None:
    """Add what is new to the counters, and open the series again."""
    by_pk = {row.pk: row for row in series.values()}
    for row in rows:
        of = by_pk[row["series_id"]]
        of.number_of_series_related_instances += row["is_primary"]
        of.size_bytes += row["size_bytes"]
        of.last_received_at = max(of.last_received_at, row["received_at"])
        of.completed_at = of.decided_at = None


def _count_in_studies(
    rows: list[dict[str, Any]], studies: dict[str, Study], series: dict[tuple[str, str], Series]
) -> None:
    """Add what is new to the counters, and open the studies again."""
    by_pk = {study.pk: study for study in studies.values()}
    by_series = {row.pk: by_pk[row.study_id] for row in series.values()}
    for row in rows:
        study = by_series[row["series_id"]]
        study.number_of_study_related_instances += row["is_primary"]
        study.size_bytes += row["size_bytes"]
        study.last_received_at = max(study.last_received_at, row["received_at"])
        study.completed_at = study.decided_at = None
    modalities: dict[int, list[str]] = defaultdict(list)
    for pk, modality in Series.objects.order_by().filter(study__in=by_pk).values_list("study_id", "modality"):
        modalities[pk].append(modality)
    for pk, study in by_pk.items():
        study.number_of_study_related_series = len(modalities[pk])
        study.modalities_in_study = modalities_column(modalities[pk])


def modalities_column(modalities: Iterable[str]) -> str:
    r"""The distinct modalities between backslashes, ``\CT\SR\``, so that each can be searched for whole.

    Of more than the column holds it has as many as fit.
    """
    column = ""
    for modality in sorted({modality for modality in modalities if modality}):
        longer = (column or BACKSLASH) + modality + BACKSLASH
        if len(longer) > MODALITIES_LENGTH:
            break
        column = longer
    return column
