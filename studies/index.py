"""From the spool to the index: files get their place in the hot store, rows are written, the spool entry goes last.

Each step may run twice: the place is derived from the spool's name, a row from the UIDs, and what a crash left in the
spool is simply indexed again.
"""

import fcntl
import logging
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.utils.module_loading import import_string

from dicomnet.part10 import NotPart10
from studies.arrival import Arrival, read_arrival
from studies.errors import MalformedDataSet
from studies.events import instances_indexed
from studies.fetched import mark_fetched, was_sent
from studies.models import NOTE_LENGTH, Instance, Tier, UnreadableFile
from studies.rows import insert
from studies.spool import Spool
from studies.storage import hot_storage

logger = logging.getLogger(__name__)
BATCH = 200
LOOK_AHEAD = 5_000  # listing a spool that has grown large costs more than indexing a batch
PAUSE_SECONDS = 0.1  # in which a batch gathers while instances come in one by one
WORTHWHILE = 50  # waiting instances after which there is no pause: a commit's cost is small beside theirs
BELL_SECONDS = 0.2  # at most so often the next stage is told


def index_spool(spool: Spool, *, seconds: float = 2.0, linger_seconds: float = 0.0) -> bool:
    """Index what waits, in batches, for so long; does nothing while another process of this host is at it.

    Args:
        spool: where received instances lie.
        seconds: after which the rest is left.
        linger_seconds: after the last instance; one that comes within it waits for no message. Between two looks is a
            pause in which a batch gathers, the shorter the more came in the one before: a flood costs a commit for
            many, a lone instance is indexed at once.

    Returns:
        Whether something may be left.
    """
    deadline = time.monotonic() + seconds
    left: set[Path] = set()  # could not be taken: they wait for the next call, and are not in the way of this one
    bell = _Bell()
    last_indexed_at = -math.inf
    with _only_one(spool) as is_ours, closing(bell):
        while is_ours:
            waiting = list(islice((path for path in spool.waiting() if path not in left), LOOK_AHEAD))
            for start in range(0, len(waiting), BATCH):
                indexed, still_there = _take(spool, waiting[start : start + BATCH])
                left.update(still_there)
                bell.add(indexed)
                last_indexed_at = time.monotonic()
                if last_indexed_at > deadline:
                    return True
            if len(waiting) >= BATCH or (waiting and not linger_seconds):
                continue
            if time.monotonic() > min(last_indexed_at + linger_seconds, deadline):
                return False
            time.sleep(PAUSE_SECONDS * max(0.0, 1 - len(waiting) / WORTHWHILE))
    return False


class _Bell:
    """Tells of new instances: of the first at once, of more a few times a second, of the last at the end."""

    def __init__(self) -> None:
        self._untold = 0
        self._told_at = -math.inf

    def add(self, count: int) -> None:
        """So many are new; their rows are committed."""
        self._untold += count
        if self._untold and time.monotonic() > self._told_at + BELL_SECONDS:
            self.close()

    def close(self) -> None:
        """Tell of what nobody was told of."""
        if self._untold:
            instances_indexed.send(Instance)
            self._untold, self._told_at = 0, time.monotonic()


def _take(spool: Spool, paths: list[Path]) -> tuple[int, list[Path]]:
    """Index a batch, or each of its files alone when the database refuses it.

    Returns:
        How many were new, and which files are still there.
    """
    try:
        return index_batch(spool, paths)
    except (DataError, IntegrityError) as error:
        if len(paths) > 1:
            taken = [_take(spool, [alone]) for alone in paths]
            return sum(new for new, _ in taken), [path for _, rest in taken for path in rest]
        # An integrity error is another host that indexed the same instance meanwhile: the next call sees its row.
        if isinstance(error, DataError):
            _set_aside(spool, paths[0], "the database refuses one of its values")
    return 0, [path for path in paths if path.exists()]


def index_batch(spool: Spool, paths: list[Path]) -> tuple[int, list[Path]]:
    """Index these files, oldest first, and take them from the spool.

    Returns:
        How many were new, and which files are still there because they could not be read.
    """
    arrivals = list(_readable(spool, paths))
    mark_fetched(arrivals)
    rows = list(Instance.objects.filter(sop_instance_uid__in={arrival.sop_instance_uid for arrival in arrivals}))
    held = {(row.sop_instance_uid, row.sha256): row for row in rows}
    # Of what came twice the first; but what was sent here before what was fetched, for the rules have to see it.
    latest_first = arrivals[::-1]
    latest_first.sort(key=lambda arrival: not arrival.receipt["fetched_from"])
    fresh = {arrival.key: arrival for arrival in latest_first if arrival.key not in held}
    ordered = [arrival for arrival in arrivals if fresh.get(arrival.key) is arrival]
    placed = {arrival.receipt["location"] for arrival in ordered}
    if ordered:
        _place(ordered)
        with transaction.atomic():
            insert(ordered, taken={row.sop_instance_uid for row in rows if row.is_primary})
    for arrival in arrivals:
        if fresh.get(arrival.key) is not arrival:
            _settle_repeated(held.get(arrival.key), arrival, placed)
        arrival.path.unlink(missing_ok=True)
    logger.info("indexed", extra={"count": len(ordered), "repeated": len(arrivals) - len(ordered)})
    gone = {arrival.path for arrival in arrivals} if len(arrivals) < len(paths) else set(paths)
    return len(ordered), [path for path in paths if path not in gone and path.exists()]


def _settle_repeated(instance: Instance | None, arrival: Arrival, placed: set[str]) -> None:
    """What is stored already came again; None for one that came earlier in the same batch.

    Was the stored file lost, these bytes are the only copy and take its place. Of what is read from another tier it is
    not lost: its copies there are found by what the row says of the first one. Otherwise a place that this file has
    from an attempt which another host or another copy overtook is given back.
    """
    if instance is not None and instance.fetched_from and not arrival.receipt["fetched_from"]:
        was_sent(instance, arrival)
    if instance is not None and instance.tier == Tier.HOT and not hot_storage().exists(instance.location):
        _place([arrival])
        names = ("location", "size_bytes", "data_set_offset", "head_crc32")
        with transaction.atomic():
            for path in settings.INSTANCE_FILE_REPLACED:
                import_string(path)(instance.pk)
            Instance.objects.filter(pk=instance.pk).update(**{name: arrival.receipt[name] for name in names})
        logger.error("a stored file was gone and has come again", extra={"instance": instance.pk})
    elif arrival.receipt["location"] not in {*placed, instance.location if instance else None}:
        hot_storage().delete(arrival.receipt["location"])


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
    # The row first: a crash in between leaves the file where it is looked at again.
    size_bytes = path.stat().st_size
    UnreadableFile.objects.get_or_create(
        name=path.name, defaults={"reason": reason[:NOTE_LENGTH], "size_bytes": size_bytes}
    )
    path.rename(odd / path.name)
    logger.error("file in the spool cannot be read", extra={"file": path.name, "reason": reason})


def _place(arrivals: list[Arrival]) -> None:
    storage = hot_storage()
    for arrival in arrivals:
        storage.adopt(arrival.path, arrival.receipt["location"])
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
