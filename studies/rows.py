"""Arrivals as rows: studies, series, instances and conflicts, with their counters (PS3.4 C.6.2.1)."""

import logging
from collections import defaultdict
from collections.abc import Iterable

from django.db import transaction
from django.db.models import F, Model

from studies.arrival import Arrival
from studies.events import instances_indexed
from studies.models import Conflict, Instance, Series, Study

logger = logging.getLogger(__name__)
BACKSLASH = "\\"
MODALITIES_LENGTH = 255  # of Study.modalities_in_study


def insert(arrivals: list[Arrival]) -> None:
    """Write studies, series, instances and conflicts, and count what is new; within the caller's transaction."""
    if not arrivals:
        return
    uids = {arrival.sop_instance_uid for arrival in arrivals}
    primary = {row.sop_instance_uid: row for row in Instance.objects.filter(sop_instance_uid__in=uids, is_primary=True)}
    studies = _upsert_studies(arrivals)
    series = _upsert_series(arrivals, studies)
    rows, others = [], []
    for arrival in arrivals:
        row = Instance(series=series[_series_key(arrival)], **arrival.instance, **arrival.receipt)
        row.is_primary = primary.setdefault(row.sop_instance_uid, row) is row
        rows.append(row)
        if not row.is_primary:
            others.append(row)
    Instance.objects.bulk_create(rows)
    _record_conflicts(others, primary)
    _count(rows, studies, series)
    transaction.on_commit(lambda: instances_indexed.send(Instance))


def _record_conflicts(others: list[Instance], primary: dict[str, Instance]) -> None:
    """The same UID with other content: both are kept and routed, and people are told."""
    Conflict.objects.bulk_create(
        [
            Conflict(instance=primary[other.sop_instance_uid], other=other, received_at=other.received_at)
            for other in others
        ]
    )
    if others:
        logger.error("same SOP Instance UID with other content, both kept", extra={"count": len(others)})


def _upsert_studies(arrivals: list[Arrival]) -> dict[str, Study]:
    first: dict[str, Arrival] = {}
    for arrival in arrivals:
        first.setdefault(arrival.study["study_instance_uid"], arrival)
    rows = [
        Study(
            **arrival.study,
            calling_ae_title=arrival.receipt["calling_ae_title"],
            received_at=arrival.receipt["received_at"],
            last_received_at=arrival.receipt["received_at"],
        )
        for arrival in first.values()
    ]
    Study.objects.bulk_create(rows, ignore_conflicts=True)
    studies = {study.study_instance_uid: study for study in Study.objects.filter(study_instance_uid__in=first)}
    _fill_blanks((studies[arrival.study["study_instance_uid"]], arrival.study) for arrival in arrivals)
    return studies


def _upsert_series(arrivals: list[Arrival], studies: dict[str, Study]) -> dict[tuple[str, str], Series]:
    first: dict[tuple[str, str], Arrival] = {}
    for arrival in arrivals:
        first.setdefault(_series_key(arrival), arrival)
    Series.objects.bulk_create(
        [Series(study=studies[key[0]], **arrival.series) for key, arrival in first.items()], ignore_conflicts=True
    )
    by_pk = {study.pk: study.study_instance_uid for study in studies.values()}
    found = Series.objects.filter(study__in=by_pk, series_instance_uid__in=[uid for _, uid in first])
    series = {(by_pk[row.study_id], row.series_instance_uid): row for row in found}
    _fill_blanks((series[_series_key(arrival)], arrival.series) for arrival in arrivals)
    return series


def _series_key(arrival: Arrival) -> tuple[str, str]:
    return arrival.study["study_instance_uid"], arrival.series["series_instance_uid"]


def _fill_blanks(rows: Iterable[tuple[Model, dict[str, str]]]) -> None:
    """What the first instance said stands; what it left empty comes from a later one."""
    filled: dict[Model, set[str]] = defaultdict(set)
    for row, values in rows:
        for name, value in values.items():
            if value and not getattr(row, name):
                setattr(row, name, value)
                filled[row].add(name)
    for row, names in filled.items():
        type(row)._default_manager.filter(pk=row.pk).update(**{name: getattr(row, name) for name in names})


def _count(rows: list[Instance], studies: dict[str, Study], series: dict[tuple[str, str], Series]) -> None:
    """Add what is new to the counters, and open the studies again; one UPDATE for each series and study."""
    by_series: dict[int, list[Instance]] = defaultdict(list)
    for row in rows:
        by_series[row.series_id].append(row)
    for pk, members in by_series.items():
        Series.objects.filter(pk=pk).update(
            number_of_series_related_instances=F("number_of_series_related_instances") + _primaries(members),
            size_bytes=F("size_bytes") + sum(member.size_bytes for member in members),
        )
    for study in studies.values():
        members = [row for one in series.values() if one.study_id == study.pk for row in by_series[one.pk]]
        modalities = list(Series.objects.filter(study=study).values_list("modality", flat=True))
        Study.objects.filter(pk=study.pk).update(
            number_of_study_related_series=len(modalities),
            number_of_study_related_instances=F("number_of_study_related_instances") + _primaries(members),
            size_bytes=F("size_bytes") + sum(member.size_bytes for member in members),
            modalities_in_study=modalities_column(modalities),
            last_received_at=max(member.received_at for member in members),
            completed_at=None,
        )


def _primaries(rows: list[Instance]) -> int:
    return sum(row.is_primary for row in rows)


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
