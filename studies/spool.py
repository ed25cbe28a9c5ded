"""The spool: an instance is one file, durable before it is acknowledged; the file is the write-ahead log.

``tmp/`` holds nothing that has a name where the file system knows O_TMPFILE, so an aborted transfer or a crash leaves
nothing behind. ``new/<shard>/<ulid>.dcm`` is whole and synced. No name comes from outside.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from dicomnet.services import StoreRequest
from studies.disk import disk_use, sync_folder
from studies.intake import Intake
from studies.sink import PART_SUFFIX, SpoolSink

SHARDS = 16
ABANDONED_SECONDS = 60


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
        self._shards = [str(self.new / f"{shard:x}") for shard in range(SHARDS)]
        self.intake = Intake(root, high_percent, marks or root.parent, store=store, processes=processes)

    def prepare(self) -> None:
        """Make the folders, durably, their parents too; remove what transfers of dead processes left."""
        if not self.tmp.is_dir():
            self.tmp.mkdir(parents=True, exist_ok=True)
        for shard in self._shards:
            if not os.path.isdir(shard):  # to make even what is there waits on a disk that hangs
                os.makedirs(shard, exist_ok=True)
        for folder in (self.new, self.root, self.root.parent):
            sync_folder(folder)
        self._sweep()

    def used_percent(self) -> float:
        """Share of bytes or of inodes in use on the spool's disk, whichever is higher, as ``df`` counts."""
        return disk_use(self.root).used_percent

    def shard_of(self, ulid: str) -> str:
        """The folder for a name: random, so that they fill alike."""
        return self._shards[ord(ulid[-1]) % SHARDS]

    def waiting(self) -> Iterator[Path]:
        """Whole instances, oldest first."""
        found = [Path(entry.path) for shard in self.new.iterdir() for entry in os.scandir(shard)]
        yield from sorted(found, key=lambda path: path.name)

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
