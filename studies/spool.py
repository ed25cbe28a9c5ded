"""The spool: an instance is one file, durable before it is acknowledged; the file is the write-ahead log.

``tmp/`` holds nothing that has a name where the file system knows O_TMPFILE, so an aborted transfer or a crash leaves
nothing behind. ``new/<shard>/<ulid>.dcm`` is whole and synced. No name comes from outside.
"""

import errno
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from typing_extensions import Buffer

from dicomnet.part10 import file_meta_bytes
from dicomnet.services import StoreAnswer, StoreRequest
from dicomnet.statuses import StoreStatus
from studies.admission import check_data_set
from studies.errors import MalformedDataSet, WrongInstance
from studies.header import receipt_bytes
from studies.ulid import new_ulid

SHARDS = 16
SUFFIX = ".dcm"


@dataclass(frozen=True)
class Spool:
    """A folder on a local disk that receives instances.

    Attributes:
        root: the folder; made when it is missing.
        high_percent: share of the disk in use from which on nothing is taken.
    """

    root: Path
    high_percent: int = 92

    @property
    def new(self) -> Path:
        """Where whole instances lie until they are indexed."""
        return self.root / "new"

    def prepare(self) -> None:
        """Make the folders, durably; their parents too."""
        (self.root / "tmp").mkdir(parents=True, exist_ok=True)
        for shard in range(SHARDS):
            (self.new / f"{shard:x}").mkdir(parents=True, exist_ok=True)
        for folder in (self.new, self.root, self.root.parent):
            sync_folder(folder)

    def used_percent(self) -> float:
        """Share of bytes or of inodes in use on the spool's disk, whichever is higher, as ``df`` counts."""
        disk = os.statvfs(self.root)
        blocks = disk.f_blocks - disk.f_bfree + disk.f_bavail
        bytes_used = 100 * (1 - disk.f_bavail / blocks) if blocks else 100
        inodes_used = 100 * (1 - disk.f_favail / disk.f_files) if disk.f_files else 0
        return max(bytes_used, inodes_used)

    def waiting(self) -> Iterator[Path]:
        """Whole instances, oldest first."""
        found = [Path(entry.path) for shard in self.new.iterdir() for entry in os.scandir(shard)]
        yield from sorted(found, key=lambda path: path.name)

    def open(self, request: StoreRequest) -> "SpoolSink":
        """Begin to take one instance."""
        return SpoolSink(self, request)


class SpoolSink:
    """Takes one data set, checks it, and makes it durable (dicomnet.services.StoreSink)."""

    def __init__(self, spool: Spool, request: StoreRequest) -> None:
        self._spool = spool
        self._request = request
        self._failure: OSError | None = None
        self._fd = -1
        self._part: Path | None = None
        head = file_meta_bytes(
            sop_class_uid=request.sop_class_uid,
            sop_instance_uid=request.sop_instance_uid,
            transfer_syntax_uid=request.transfer_syntax_uid,
            calling_ae_title=request.calling_ae_title,
            called_ae_title=request.called_ae_title,
            private=receipt_bytes(source_address=request.source_address, received_at=datetime.now(UTC)),
        )
        self._data_set_offset = len(head)
        try:
            if spool.used_percent() >= spool.high_percent:
                raise OSError(errno.ENOSPC, "the spool's disk is nearly full")
            self._open()
        except OSError as error:
            self._failure = error
        self.write(head)

    def write(self, piece: Buffer) -> None:
        """Take the next bytes; the first error is kept for ``commit``, since the peer sends on anyway."""
        if self._failure is not None:
            return
        rest = memoryview(piece).cast("B")
        try:
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            self._failure = error

    def commit(self) -> StoreAnswer:
        """Check, sync, name, sync the folder. Only then may success be sent; a failed sync is never tried again."""
        try:
            if self._failure is not None:
                raise self._failure
            self._check()
            os.fdatasync(self._fd)
            self._name()
        except MalformedDataSet as error:
            is_other = isinstance(error, WrongInstance)
            status = StoreStatus.DATA_SET_MISMATCH if is_other else StoreStatus.CANNOT_UNDERSTAND
            return StoreAnswer(status, str(error), error.tag)
        except OSError as error:
            return StoreAnswer(StoreStatus.OUT_OF_RESOURCES, f"cannot store now: {os.strerror(error.errno or 0)}")
        finally:
            self.discard()
        return StoreAnswer(StoreStatus.SUCCESS)

    def discard(self) -> None:
        """Close; what has no name in ``new`` is gone."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._part is not None:
            self._part.unlink(missing_ok=True)
            self._part = None

    def _open(self) -> None:
        tmp = self._spool.root / "tmp"
        try:
            self._fd = os.open(tmp, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o640)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR}:
                raise
            # A file system without O_TMPFILE (NFS, some overlays): a named part.
            self._part = tmp / f"{new_ulid()}.part"
            self._fd = os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o640)

    def _check(self) -> None:
        size = os.fstat(self._fd).st_size
        if size <= self._data_set_offset:
            raise MalformedDataSet("the data set is empty")
        mapped = mmap.mmap(self._fd, size, access=mmap.ACCESS_READ)
        check_data_set(memoryview(mapped)[self._data_set_offset :], self._request)

    def _name(self) -> None:
        ulid = new_ulid()
        name = f"{ulid}{SUFFIX}"
        source = self._part or f"/proc/self/fd/{self._fd}"
        folder = os.open(self._spool.new / f"{ord(ulid[-1]) % SHARDS:x}", os.O_RDONLY | os.O_DIRECTORY)
        try:
            # With a folder's descriptor Python uses linkat(), which follows the link in /proc; link() would not.
            os.link(source, name, dst_dir_fd=folder, follow_symlinks=True)
            try:
                os.fsync(folder)
            except OSError:
                os.unlink(name, dir_fd=folder)
                raise
        finally:
            os.close(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
