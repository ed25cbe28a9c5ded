"""Rows for what is in the stores and in no row, made from the bytes alone, in the place where they are."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.db import IntegrityError, transaction

from dicomnet.part10 import NotPart10
from studies.arrival import Arrival, read_arrival
from studies.deletions.known import not_deleted
from studies.errors import MalformedDataSet
from studies.models import Instance
from studies.rows import insert

logger = logging.getLogger(__name__)
ATTEMPTS = 3  # the index may write a row of the same instance between our look and our insert
Key = tuple[str, str]


class CannotBeRead(Exception):
    """It is no DICOM file, or not whole; the message says how, for people."""


@dataclass(frozen=True)
class Taken:
    """What came of a batch.

    Attributes:
        new: how many rows were written.
        rows: what is in the index now, of what was given, by SOP Instance UID and SHA-256.
        deleted: what somebody had deleted; it has no row.
        differing: what its row says to have other bytes; one of the two is damaged.
    """

    new: int
    rows: dict[Key, Instance]
    deleted: list[Arrival]
    differing: list[Arrival]


def read_stored_file(path: Path, name: str, **columns: Any) -> Arrival:
    """What a file says of itself, its receipt too (studies.header).

    Args:
        path: of the file; without a receipt in it, it was received when it was changed last.
        name: which its row is to have in the hot store.
        columns: of the row, besides.

    Raises:
        CannotBeRead: it is no DICOM file, or not whole.
        OSError: the disk gives an error.
    """
    try:
        arrival = read_arrival(path)
    except (NotPart10, MalformedDataSet, ValueError) as error:
        raise CannotBeRead(str(error)) from error
    return replace(arrival, receipt=arrival.receipt | {"location": name} | columns)


def add_rows(arrivals: Sequence[Arrival]) -> Taken:
    """Write rows for those of a batch that have none; the others' are left as they are."""
    for _ in range(ATTEMPTS - 1):
        try:
            return _add_rows(arrivals)
        except IntegrityError:
            logger.info("indexed by another process meanwhile; looked at again")
    return _add_rows(arrivals)


def _add_rows(arrivals: Sequence[Arrival]) -> Taken:
    wanted = list(not_deleted(arrivals))
    deleted = [arrival for arrival in arrivals if arrival not in wanted]
    rows = _rows_of(wanted)
    held = {(row.sop_instance_uid, row.sha256) for row in rows}
    places = {(row.sop_instance_uid, row.location) for row in rows}
    fresh: dict[Key, Arrival] = {}
    differing = []
    for arrival in wanted:
        if arrival.key in held:
            continue
        if (arrival.sop_instance_uid, arrival.receipt["location"]) in places:
            differing.append(arrival)
        else:
            fresh.setdefault(arrival.key, arrival)
    with transaction.atomic():
        insert(list(fresh.values()), taken={row.sop_instance_uid for row in rows if row.is_primary})
    now = {(row.sop_instance_uid, row.sha256): row for row in _rows_of(wanted)}
    return Taken(len(fresh), now, deleted, differing)


def _rows_of(arrivals: Iterable[Arrival]) -> list[Instance]:
    uids = {arrival.sop_instance_uid for arrival in arrivals}
    return list(Instance.objects.filter(sop_instance_uid__in=uids).select_related("series"))
