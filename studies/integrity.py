"""Whether a stored file still is what was acknowledged, asked before anything is made of its pixels.

The SHA-256 of the data set, and the CRC-32 of what comes before it, are compared with the index; a file that was found
whole, or was indexed, is believed for some minutes, as long as its size, inode and time of change stay. What is damaged
is counted, logged, and never served.
"""

import hashlib
import logging
import os
import threading
import time
import zlib
from collections import OrderedDict
from pathlib import Path

from studies.errors import InstanceDamaged, InstanceMissing, InstanceOffline
from studies.metrics import DAMAGED_FILES
from studies.models import Instance, Tier
from studies.seeding.marks import NO_FILE
from studies.storage import hot_storage
from studies.usage import note_use
from studies.wanted import want

logger = logging.getLogger(__name__)
BELIEVED_SECONDS = 600
MAXIMUM_BELIEVED = 20_000
PIECE_BYTES = 1 << 20


class _Believed:
    """Which files this process has found whole, and when."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[int, int, int, int], float] = OrderedDict()
        self._lock = threading.Lock()

    def holds(self, key: tuple[int, int, int, int]) -> bool:
        found_at = self._found.get(key)
        return found_at is not None and time.monotonic() < found_at + BELIEVED_SECONDS

    def add(self, key: tuple[int, int, int, int]) -> None:
        with self._lock:
            self._found[key] = time.monotonic()
            self._found.move_to_end(key)
            while len(self._found) > MAXIMUM_BELIEVED:
                self._found.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._found.clear()


believed = _Believed()


def _was_just_indexed(instance: Instance, now: os.stat_result) -> bool:
    """The index read the file to its end for the same hash, and nobody has written to it since."""
    indexed_at = instance.indexed_at.timestamp()
    return now.st_mtime <= indexed_at and 0 <= time.time() - indexed_at < BELIEVED_SECONDS


class Verification:
    """The check of one open file, by whoever reads its data set from the first byte to the last.

    Raises:
        InstanceDamaged: the file has another size, or begins with another File Meta Information.
    """

    def __init__(self, instance: Instance, fd: int) -> None:
        self._instance = instance
        now = os.fstat(fd)
        self._key = (instance.pk, now.st_ino, now.st_size, now.st_mtime_ns)
        if now.st_size != instance.size_bytes:
            raise damaged(instance, f"its file has {now.st_size} bytes, not {instance.size_bytes}")
        is_known = believed.holds(self._key) or _was_just_indexed(instance, now)
        self._digest = None if is_known else hashlib.sha256()
        if not is_known and instance.head_crc32 is not None:
            self._check_head(fd)

    def _check_head(self, fd: int) -> None:
        head = read_at(self._instance, fd, 0, self._instance.data_set_offset)
        if zlib.crc32(head) != self._instance.head_crc32:
            raise damaged(self._instance, "the CRC-32 of its File Meta Information differs")

    @property
    def is_needed(self) -> bool:
        """Whether the file has not been found whole lately."""
        return self._digest is not None

    def update(self, piece: bytes | memoryview) -> None:
        """Take the next bytes of the data set."""
        if self._digest is not None:
            self._digest.update(piece)

    def close(self) -> None:
        """Compare, before the last of the bytes is used.

        Raises:
            InstanceDamaged: it is not what was acknowledged.
        """
        if self._digest is None:
            return
        if self._digest.hexdigest() != self._instance.sha256:
            raise damaged(self._instance, "the SHA-256 of its data set differs")
        believed.add(self._key)


def open_instance(instance: Instance) -> int:
    """A descriptor of the stored file.

    Raises:
        InstanceOffline: it is on a slower tier, and is recalled now.
        InstanceMissing: it is not there, or cannot be opened.
    """
    try:
        fd = os.open(path_of(instance), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        _check_tier(instance)
        logger.error("stored file cannot be opened", extra={"instance": instance.pk, "reason": error.strerror})
        DAMAGED_FILES.inc()
        raise InstanceMissing("The stored file cannot be opened.") from error
    note_use(instance.series_id)
    return fd


def is_there(instance: Instance) -> bool:
    """Whether the stored file is there in its full size; what is not is counted and logged.

    Raises:
        InstanceOffline: it is on a slower tier, and is recalled now.
    """
    try:
        size = path_of(instance).stat().st_size
    except OSError as error:
        _check_tier(instance)
        logger.error("stored file cannot be opened", extra={"instance": instance.pk, "reason": error.strerror})
        DAMAGED_FILES.inc()
        return False
    if size != instance.size_bytes:
        damaged(instance, f"its file has {size} bytes, not {instance.size_bytes}")
    return size == instance.size_bytes


def _check_tier(instance: Instance) -> None:
    if instance.location == NO_FILE:
        raise InstanceMissing("The study is fictitious and has no images.")
    if instance.tier != Tier.HOT:
        raise InstanceOffline(instance.tier, want(instance.series_id, by="a reader"))


def ensure_intact(instance: Instance) -> Path:
    """The path of a file that is what was acknowledged, now or a few minutes ago.

    Raises:
        InstanceMissing, InstanceDamaged: it is not.
    """
    fd = open_instance(instance)
    try:
        check = Verification(instance, fd)
        position = instance.data_set_offset
        while check.is_needed and (piece := read_at(instance, fd, position, PIECE_BYTES)):
            check.update(piece)
            position += len(piece)
        check.close()
    finally:
        os.close(fd)
    return path_of(instance)


def read_at(instance: Instance, fd: int, position: int, count: int) -> bytes:
    """Bytes of the file; empty at its end.

    Raises:
        InstanceDamaged: the disk gives an error.
    """
    try:
        return os.pread(fd, count, position)
    except OSError as error:
        raise damaged(instance, f"its file cannot be read: {error.strerror}") from error


def damaged(instance: Instance, reason: str) -> InstanceDamaged:
    """Count and log it; returned to be raised."""
    DAMAGED_FILES.inc()
    logger.error("stored file is damaged", extra={"instance": instance.pk, "reason": reason})
    return InstanceDamaged("The stored file is damaged; the log of the server says how.")


def path_of(instance: Instance) -> Path:
    """Where the stored file is."""
    return Path(hot_storage().path(instance.location))
