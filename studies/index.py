"""From the spool to the index: files get their place in the hot store, rows are written, the spool entry goes last.

Each step may run twice: the place is derived from the spool's name, a row from the UIDs, and what a crash left in the
spool is simply indexed again.
"""

import fcntl
import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from django.db import transaction
from django.db.models import F, Model

from dicomnet.part10 import NotPart10
from studies.arrival import Arrival, read_arrival
from studies.errors import MalformedDataSet
from studies.events import instances_indexed
from studies.models import Conflict, Instance, Series, Study
from studies.spool import Spool
from studies.storage import hot_storage

logger = logging.getLogger(__name__)
BATCH = 200


def index_spool(spool: Spool) -> int:
    """Index all that waits, in batches; at once a no-op when another process of this host is doing it.

    Returns:
        How many files were taken from the spool.
    """
    count = 0
    with _only_one(spool) as is_ours:
        while is_ours:
            batch = list(islice(spool.waiting(), BATCH))
            if not batch:
                break
            index_batch(spool, batch)
            count += len(batch)
    return count


def index_batch(spool: Spool, paths: list[Path]) -> None:
    """Index these files, oldest first, and take them from the spool."""
    arrivals = list(_readable(spool, paths))
    held = dict(
        Instance.objects.filter(sop_instance_uid__in=[arrival.sop_instance_uid for arrival in arrivals]).values_list(
            "sop_instance_uid", "sha256"
        )
    )
    fresh: dict[str, Arrival] = {}
    conflicts: dict[tuple[str, str], Arrival] = {}
    for arrival in arrivals:
        first = fresh.get(arrival.sop_instance_uid)
        sha256 = first.receipt["sha256"] if first else held.get(arrival.sop_instance_uid)
        if sha256 is None:
            fresh[arrival.sop_instance_uid] = arrival
        elif sha256 != arrival.receipt["sha256"]:
            conflicts.setdefault(arrival.key, arrival)
    _place(fresh.values(), conflicts.values())
    with transaction.atomic():
        _insert(list(fresh.values()))
        _record(list(conflicts.values()))
    for arrival in arrivals:
        arrival.path.unlink(missing_ok=True)
    if arrivals:
        logger.info(
            "indexed",
            extra={"count": len(fresh), "conflicts": len(conflicts), "repeated": len(arrivals) - len(fresh)},
        )


def _readable(spool: Spool, paths: Iterable[Path]) -> Iterator[Arrival]:
    for path in paths:
        try:
            yield read_arrival(path)
        except FileNotFoundError:
            continue  # indexed by somebody else since it was listed
        except (NotPart10, MalformedDataSet) as error:
            # The listener checked it, so this is damage: keep it out of the way of the others, and say so.
            odd = spool.root / "odd"
            odd.mkdir(exist_ok=True)
            path.rename(odd / path.name)
            logger.error("file in the spool cannot be read", extra={"file": path.name, "reason": str(error)})


def _place(*groups: Iterable[Arrival]) -> None:
    storage = hot_storage()
    arrivals = [arrival for group in groups for arrival in group]
    for arrival in arrivals:
        storage.adopt(arrival.path, arrival.receipt["location"])
    if arrivals:
        storage.sync([arrival.receipt["location"] for arrival in arrivals])


def _insert(arrivals: list[Arrival]) -> None:
    """Write studies, series and instances, and count what is new."""
    if not arrivals:
        return
    studies = _upsert_studies(arrivals)
    series = _upsert_series(arrivals, studies)
    Instance.objects.bulk_create(
        [Instance(series=series[_series_key(arrival)], **arrival.instance, **arrival.receipt) for arrival in arrivals]
    )
    _count(arrivals, studies, series)
    transaction.on_commit(lambda: instances_indexed.send(Instance))


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
    _fill_blanks((studies[uid], arrival.study) for uid, arrival in first.items())
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
    _fill_blanks((series[key], arrival.series) for key, arrival in first.items())
    return series


def _series_key(arrival: Arrival) -> tuple[str, str]:
    return arrival.study["study_instance_uid"], arrival.series["series_instance_uid"]


def _fill_blanks(rows: Iterable[tuple[Model, dict[str, str]]]) -> None:
    """What the first instance said stands; what it left empty comes from a later one."""
    for row, values in rows:
        blanks = {name: value for name, value in values.items() if value and not getattr(row, name)}
        if blanks:
            type(row)._default_manager.filter(pk=row.pk).update(**blanks)


def _count(arrivals: list[Arrival], studies: dict[str, Study], series: dict[tuple[str, str], Series]) -> None:
    """Add what is new to the counters, and re-open the studies; one UPDATE for each series and study."""
    by_series: Counter[tuple[str, str]] = Counter(map(_series_key, arrivals))
    size: dict[tuple[str, str], int] = defaultdict(int)
    last = {}
    for arrival in arrivals:
        size[_series_key(arrival)] += arrival.receipt["size_bytes"]
        last[arrival.study["study_instance_uid"]] = arrival.receipt["received_at"]
    for key, count in by_series.items():
        Series.objects.filter(pk=series[key].pk).update(
            number_of_series_related_instances=F("number_of_series_related_instances") + count,
            size_bytes=F("size_bytes") + size[key],
        )
    for uid, study in studies.items():
        all_series = list(Series.objects.filter(study=study).values_list("modality", flat=True))
        Study.objects.filter(pk=study.pk).update(
            number_of_study_related_series=len(all_series),
            number_of_study_related_instances=F("number_of_study_related_instances")
            + sum(count for key, count in by_series.items() if key[0] == uid),
            size_bytes=F("size_bytes") + sum(total for key, total in size.items() if key[0] == uid),
            modalities_in_study=modalities_column(all_series),
            last_received_at=last[uid],
            completed_at=None,
        )


def modalities_column(modalities: Iterable[str]) -> str:
    r"""The distinct modalities between backslashes, ``\CT\SR\``, so that each can be searched for whole."""
    distinct = sorted({modality for modality in modalities if modality})
    return "\\" + "\\".join(distinct) + "\\" if distinct else ""


def _record(arrivals: list[Arrival]) -> None:
    """Keep instances whose UID is taken by other bytes as conflicts; the first one stays in the index."""
    if not arrivals:
        return
    uids = {arrival.sop_instance_uid for arrival in arrivals}
    instances = {row.sop_instance_uid: row for row in Instance.objects.filter(sop_instance_uid__in=uids)}
    Conflict.objects.bulk_create(
        [Conflict(instance=instances[arrival.sop_instance_uid], **arrival.receipt) for arrival in arrivals],
        ignore_conflicts=True,
    )
    logger.error("same SOP Instance UID with other content, both kept", extra={"count": len(arrivals)})


@contextmanager
def _only_one(spool: Spool) -> Iterator[bool]:
    """True for one process of this host at a time; the lock ends with its process, however that ends."""
    with (spool.root / "indexing.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
