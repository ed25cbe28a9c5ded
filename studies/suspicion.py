"""A disk that failed is not believed again until it has shown that it keeps what it is given.

After an error of write, sync or link nobody knows what is on the disk: a second fsync of the same data may report
success for data that are gone. So the data are dropped, the sender is told to try later, and nothing is taken until a
probe, with data of its own, has passed.
"""

import errno
import logging
import mmap
import os
import time
from pathlib import Path

from studies.disk import sync_folder
from studies.marks import Mark
from studies.ulid import new_ulid

logger = logging.getLogger(__name__)
PROBE_SECONDS = 5
PROBE_BYTES = 256 * 1024  # a multiple of any sector, for reading past the page cache
# Out of something, or not for us: the answer is the same, but it says nothing against the disk.
_SHORTAGES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EFBIG})


class Suspicion:
    """Whether the spool's disk is believed.

    Args:
        folder: on that disk, where the probe may write.
        mark: where the suspicion is kept for all processes.
    """

    def __init__(self, folder: Path, mark: Mark) -> None:
        self._folder = folder
        self._mark = mark
        self._probe_at: float | None = None  # not before; None while nothing is held against the disk

    def words(self) -> str:
        """The error that is held against the disk; empty when there is none."""
        return self._mark.words()

    def consider(self, error: OSError) -> bool:
        """Judge an error that the disk gave; True when it is (now or already) under suspicion for it."""
        if error.errno in _SHORTAGES:
            return False
        reason = os.strerror(error.errno or 0)
        self._probe_at = time.monotonic() + PROBE_SECONDS
        if self._mark.set(reason):
            logger.error(
                "the spool's disk failed, instances are refused until a test of it passes", extra={"reason": reason}
            )
        return True

    def probe_when_due(self) -> None:
        """Test a disk under suspicion, every few seconds, and end the suspicion when it passes."""
        if not self.words():
            self._probe_at = None
            return
        now = time.monotonic()
        if self._probe_at is None or now < self._probe_at:
            self._probe_at = self._probe_at or now + PROBE_SECONDS
            return
        self._probe_at = now + PROBE_SECONDS
        version = self._mark.version()
        try:
            probe(self._folder)
        except OSError as error:
            logger.warning("the spool's disk still fails", extra={"reason": os.strerror(error.errno or 0)})
            return
        if self._mark.clear(version):
            logger.warning("the spool's disk passed its test, instances are taken again")


def probe(folder: Path) -> None:
    """Write, sync, name, read back past the page cache, and remove.

    Raises:
        OSError: a step failed, or other bytes came back (EIO).
    """
    written = os.urandom(PROBE_BYTES)
    path = folder / f"{new_ulid()}.part"
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o640)
    try:
        try:
            rest = memoryview(written)
            while rest:
                rest = rest[os.write(fd, rest) :]
            os.fsync(fd)
        finally:
            os.close(fd)
        sync_folder(folder)
        if _read_past_cache(path) != written:
            raise OSError(errno.EIO, "the disk gave back other bytes")
    finally:
        path.unlink()
    sync_folder(folder)


def _read_past_cache(path: Path) -> bytes:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system without O_DIRECT
            raise
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        with mmap.mmap(-1, PROBE_BYTES) as page_aligned:
            count = os.preadv(fd, [page_aligned], 0)
            return page_aligned[:count]
    finally:
        os.close(fd)
