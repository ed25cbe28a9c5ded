"""From the spool to the index: files get their place in the hot store, rows are written, the spool entry goes last.

Each step may run twice: the place is derived from the spool's name, a row from the UIDs, and what a crash left in the
spool is simply indexed again.
"""

import fcntl
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from django.db import DataError, IntegrityError, transaction

from dicomnet.part10 import NotPart10
from studies.arrival import Arrival, read_arrival
from studies.errors import MalformedDataSet
from studies.models import Instance
from studies.rows import insert
from studies.spool import Spool
from studies.storage import hot_storage

logger = logging.getLogger(__name__)
BATCH = 200
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
    held = {(row.sop_instance_uid, row.sha256): row for row in Instance.objects.filter(sop_instance_uid__in=uids)}
    fresh = {arrival.key: arrival for arrival in reversed(arrivals) if arrival.key not in held}
    ordered = [arrival for arrival in arrivals if fresh.get(arrival.key) is arrival]
    _place(ordered)
    with transaction.atomic():
        insert(ordered)
    for arrival in arrivals:
        if arrival.key in held:
            _restore_when_gone(held[arrival.key], arrival)
        arrival.path.unlink(missing_ok=True)
    logger.info("indexed", extra={"count": len(ordered), "repeated": len(arrivals) - len(ordered)})


def _restore_when_gone(instance: Instance, arrival: Arrival) -> None:
    """An instance whose file was lost has come again: its bytes are the only copy, and take the lost one's place."""
    if hot_storage().exists(instance.location):
        return
    _place([arrival])
    names = ("location", "size_bytes", "data_set_offset")
    Instance.objects.filter(pk=instance.pk).update(**{name: arrival.receipt[name] for name in names})
    logger.error("a stored file was gone and has come again", extra={"instance": instance.pk})


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
