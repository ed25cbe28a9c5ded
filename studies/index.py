"""From the spool to the index: files get their place in the hot store, rows are written, the spool entry goes last.

Each step may run twice: the place is derived from the spool's name, a row from the UIDs, and what a crash left in the
spool is simply indexed again.
"""

import fcntl
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from django.db import DataError, IntegrityError, transaction
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
BACKSLASH = "\\"
MODALITIES_LENGTH = 255  # of Study.modalities_in_study
LOOK_AHEAD = 5_000  # listing a spool that has grown large costs more than indexing a batch


def index_spool(spool: Spool, *, seconds: float = 2.0) -> bool:
    """Index what waits, in batches, for so long; does nothing while another process of this host is at it.

    Returns:
        Whether something may be left.
    """
    deadline = time.monotonic() + seconds
    left: set[Path] = set()  # could not be taken: they wait for the next call, and are not in the way of this one
    with _only_one(spool) as is_ours:
        while is_ours:
            waiting = list(islice((path for path in spool.waiting() if path not in left), LOOK_AHEAD))
            if not waiting:
                return False
            for start in range(0, len(waiting), BATCH):
                left.update(_take(spool, waiting[start : start + BATCH]))
                if time.monotonic() > deadline:
                    return True
    return False


def _take(spool: Spool, paths: list[Path]) -> list[Path]:
    """Index a batch, or each of its files alone when the database refuses it; returns what is still there."""
    try:
        index_batch(spool, paths)
    except (DataError, IntegrityError) as error:
        if len(paths) > 1:
            return [path for alone in paths for path in _take(spool, [alone])]
        # An integrity error is another host that indexed the same instance meanwhile: the next call sees its row.
        if isinstance(error, DataError):
            _set_aside(spool, paths[0], "the database refuses one of its values")
    return [path for path in paths if path.exists()]


def index_batch(spool: Spool, paths: list[Path]) -> None:
    """Index these files, oldest first, and take them from the spool."""
    arrivals = list(_readable(spool, paths))
    uids = {arrival.sop_instance_uid for arrival in arrivals}
    held = set(Instance.objects.filter(sop_instance_uid__in=uids).values_list("sop_instance_uid", "sha256"))
    fresh = {arrival.key: arrival for arrival in reversed(arrivals) if arrival.key not in held}
    ordered = [arrival for arrival in arrivals if fresh.get(arrival.key) is arrival]
    _place(ordered)
    with transaction.atomic():
        _insert(ordered)
    for arrival in arrivals:
        arrival.path.unlink(missing_ok=True)
    logger.info("indexed", extra={"count": len(ordered), "repeated": len(arrivals) - len(ordered)})


def _readable(spool: Spool, paths: Iterable[Path]) -> Iterator[Arrival]:
    for path in paths:
        try:
            yield read_arrival(path)
        except FileNotFoundError:
            continue  # indexed by somebody else since it was listed
        except OSError as error:
            logger.error("file in the spool left for later", extra={"file": path.name, "reason": error.strerror})
        except (NotPart10, MalformedDataSet) as error:
            # The listener checked it, so this is damage: keep it out of the way of the others, and say so.
            _set_aside(spool, path, str(error))


def _set_aside(spool: Spool, path: Path, reason: str) -> None:
    odd = spool.root / "odd"
    odd.mkdir(exist_ok=True)
    path.rename(odd / path.name)
    logger.error("file in the spool cannot be read", extra={"file": path.name, "reason": reason})


def _place(arrivals: list[Arrival]) -> None:
    storage = hot_storage()
    for arrival in arrivals:
        storage.adopt(arrival.path, arrival.receipt["location"])
    if arrivals:
        storage.sync([arrival.receipt["location"] for arrival in arrivals])


def _insert(arrivals: list[Arrival]) -> None:
    """Write studies, series, instances and conflicts, and count what is new."""
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
