"""The spool: an instance is one file, durable before it is acknowledged; the file is the write-ahead log.

``new/<shard>/<ulid>.dcm`` is whole and synced; until then a file has no name, so an aborted transfer or a crash leaves
nothing behind. Where the file system knows no O_TMPFILE it has one in ``tmp/``. No name comes from outside.
"""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

from dicomnet.services import StoreRequest
from studies.disk import disk_use, spread_subfolders, sync_folder
from studies.intake import Intake
from studies.sink import PART_SUFFIX, SpoolSink
from studies.ulid import first_ulid_at, is_ulid, moment_of, new_ulid

SHARDS = 16
ABANDONED_SECONDS = 60
PASSED_OVER_AFTER = timedelta(hours=1)


class Spool:
    """A folder on a local disk that receives instances.

    Args:
        root: the folder; ``prepare`` makes it when it is missing.
        high_percent: share of the disk in use from which on nothing is taken; 100: no watermark.
        marks: where the processes of the installation tell each other of the disk's state; beside the root by default.
        store: the hot store, when it is on another disk.
        processes: how many write to the spool at once.
    """

    def __init__(
        self,
        root: Path,
        high_percent: int = 92,
        *,
        marks: Path | None = None,
        store: Path | None = None,
        processes: int = 1,
    ) -> None:
        self.root = root
        self.tmp = root / "tmp"
        self.new = root / "new"  # where whole instances lie until they are indexed
        self._shards = [str(self.new / f"{shard:x}") for shard in range(SHARDS)]
        self._in_turn = cycle(self._shards)
        self.intake = Intake(root, high_percent, marks or root.parent, store=store, processes=processes)

    def prepare(self) -> None:
        """Make the folders, durably, their parents too; remove what transfers of dead processes left."""
        if not self.tmp.is_dir():
            self.tmp.mkdir(parents=True, exist_ok=True)
        root = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # One process at a time: a folder that is made again after another has begun to use it is not synced yet.
            fcntl.flock(root, fcntl.LOCK_EX)
            self._make_shards()
        finally:
            os.close(root)
        self._sweep()

    def _make_shards(self) -> None:
        if not self.new.is_dir():
            self.new.mkdir()
        is_spread_now = spread_subfolders(self.new)
        for shard in self._shards:
            if is_spread_now:
                with suppress(OSError):  # missing, or in use: then it stays where it is
                    os.rmdir(shard)
            if not os.path.isdir(shard):  # to make even what is there waits on a disk that hangs
                os.mkdir(shard)
        for folder in (self.new, self.root, self.root.parent):
            sync_folder(folder)

    def used_percent(self) -> float:
        """Share of bytes or of inodes in use on the spool's disk, whichever is higher, as ``df`` counts."""
        return disk_use(self.root).used_percent

    def next_shard(self) -> str:
        """A folder for the next instance: each in turn, so that they fill alike."""
        return next(self._in_turn)

    def waiting(self) -> Iterator[Path]:
        """Whole instances, oldest first."""
        found = [Path(entry.path) for shard in self.new.iterdir() for entry in os.scandir(shard)]
        yield from sorted(found, key=lambda path: path.name)

    def oldest_waiting_at(self) -> datetime | None:
        """Since when the index is behind; None when nothing waits, but for what it could not take for an hour."""
        earliest = first_ulid_at(datetime.now(UTC) - PASSED_OVER_AFTER)
        ulids = (entry.name.partition(".")[0] for shard in self.new.iterdir() for entry in os.scandir(shard))
        oldest = min((ulid for ulid in ulids if ulid >= earliest and is_ulid(ulid)), default=None)
        return None if oldest is None else moment_of(oldest)

    def changed_at(self) -> float:
        """When an instance came in or was indexed last, as ``time.time``; 0 when nobody can tell."""
        with suppress(OSError):
            return max(os.stat(shard).st_mtime for shard in self._shards)
        return 0

    def has(self, name: str) -> bool:
        """Whether a file of this name waits."""
        return any(os.path.lexists(f"{shard}/{name}") for shard in self._shards)

    def take_back(self, stored: Path, name: str) -> None:
        """Have a stored file indexed again, under this name: as another name of it, or a copy from another disk.

        Raises:
            OSError: it cannot be read, or the spool not be written.
        """
        if self.has(name):
            return
        target = Path(self.next_shard(), name)
        try:
            os.link(stored, target)
        except OSError as error:
            if error.errno not in {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP}:
                raise
            part = self.tmp / f"{new_ulid()}{PART_SUFFIX}"
            with stored.open("rb") as reader, part.open("wb") as writer:
                shutil.copyfileobj(reader, writer, 1 << 20)
                writer.flush()
                os.fdatasync(writer.fileno())
            part.rename(target)
        sync_folder(target.parent)

    def open(self, request: StoreRequest) -> SpoolSink:
        """Begin to take one instance."""
        return SpoolSink(self, request)

    def _sweep(self) -> None:
        """Remove named parts, which only file systems without O_TMPFILE have, unless a transfer holds their lock."""
        for path in self.tmp.glob(f"*{PART_SUFFIX}"):
            with suppress(OSError), path.open("rb") as part:
                if time.time() - os.fstat(part.fileno()).st_mtime > ABANDONED_SECONDS:
                    fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
