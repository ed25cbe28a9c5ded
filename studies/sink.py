"""One instance on its way into the spool: streamed, checked, synced, named (dicomnet.services.StoreSink)."""

import errno
import fcntl
import mmap
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import Buffer

from dicomnet.part10 import file_meta_bytes
from dicomnet.services import StoreAnswer, StoreRequest
from dicomnet.statuses import StoreStatus
from studies.admission import SERIES_INSTANCE_UID, STUDY_INSTANCE_UID, WANTED, check_uids
from studies.errors import MalformedDataSet, WrongInstance
from studies.header import receipt_bytes
from studies.scan import BEGINNING_BYTES, scan, scan_beginning
from studies.ulid import new_ulid

if TYPE_CHECKING:
    from studies.spool import Spool

SUFFIX, PART_SUFFIX = ".dcm", ".part"
# A large object goes to the disk while it comes in: measured at 30 MB, its sync at the end takes half the time.
WRITE_BEHIND_BYTES = 8 << 20


class SpoolSink:
    """Takes one data set and makes it durable.

    Only the caller's thread uses it. ``write`` keeps no reference to what it is given, which may be a receive buffer.
    """

    def __init__(self, spool: "Spool", request: StoreRequest) -> None:
        self._spool = spool
        self._request = request
        self._failure: OSError | None = None
        self._fd = -1
        self._part: Path | None = None
        self._shard = spool.next_shard()
        self._head = file_meta_bytes(
            sop_class_uid=request.sop_class_uid,
            sop_instance_uid=request.sop_instance_uid,
            transfer_syntax_uid=request.transfer_syntax_uid,
            calling_ae_title=request.calling_ae_title,
            called_ae_title=request.called_ae_title,
            private=receipt_bytes(
                source_address=request.source_address,
                received_at=datetime.now(UTC),
                fetched_from=request.fetched_from,
            ),
        )
        self._beginning = bytearray()
        self._size = self._begun_size = 0  # what is written, and up to where the disk was told to begin
        self._promised_size = self._step = 0  # the size up to which there is room, and the last part of it
        try:
            spool.intake.check()
            self._promised_size = self._step = spool.intake.room.begin()
            spool.intake.waits(id(self))
            self._open()
        except OSError as error:
            self._fail(error)
        finally:
            spool.intake.has_waited(id(self))

    def write(self, *pieces: Buffer) -> None:
        """Take the next bytes; the first error is kept for ``commit``, since the peer sends on anyway."""
        if self._failure is not None:
            return
        rest = [memoryview(piece).cast("B") for piece in pieces]
        self._spool.intake.waits(id(self), sum(map(len, rest)))
        for piece in rest:
            if len(self._beginning) >= BEGINNING_BYTES:
                break
            self._beginning += piece[: BEGINNING_BYTES - len(self._beginning)]
        try:
            if not self._size:
                # With the first piece, so that File Meta Information costs no call of its own.
                rest.insert(0, memoryview(self._head))
            while rest:
                self._make_room(sum(map(len, rest)))
                written = os.writev(self._fd, rest)
                self._size += written
                rest = _behind(rest, written)
            if self._size - self._begun_size >= WRITE_BEHIND_BYTES:
                # Begins to write and waits for nothing; pages that are being written stay in the cache for the index.
                os.posix_fadvise(self._fd, self._begun_size, self._size - self._begun_size, os.POSIX_FADV_DONTNEED)
                self._begun_size = self._size
        except OSError as error:
            self._fail(error)
        finally:
            self._spool.intake.has_waited(id(self))

    def commit(self) -> StoreAnswer:
        """Check, sync, name, sync the folder. Only then may success be sent; a failed sync is never tried again."""
        try:
            if self._failure is not None:
                raise self._failure
            self._spool.intake.waits(id(self), self._size)
            uids = self._check()
            self._make_durable()
        except MalformedDataSet as error:
            is_other = isinstance(error, WrongInstance)
            status = StoreStatus.DATA_SET_MISMATCH if is_other else StoreStatus.CANNOT_UNDERSTAND
            return StoreAnswer(status, str(error), error.tag)
        except OSError as error:
            self._fail(error)
            return StoreAnswer(StoreStatus.OUT_OF_RESOURCES, f"cannot store now: {_reason(error)}")
        finally:
            self.discard()
            self._spool.intake.has_waited(id(self))
        return StoreAnswer(
            StoreStatus.SUCCESS,
            study_instance_uid=uids[STUDY_INSTANCE_UID],
            series_instance_uid=uids[SERIES_INSTANCE_UID],
        )

    def discard(self) -> None:
        """Close; what has no name in ``new`` is gone."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._part is not None:
            self._part.unlink(missing_ok=True)
            self._part = None
        if self._step:
            self._spool.intake.room.end(self._step, max(0, self._promised_size - self._size))
            self._step = 0

    def _fail(self, error: OSError) -> None:
        """Keep the first error, and give the space back now: the peer may send for a long time yet."""
        if self._failure is None:
            self._failure = error
            self._spool.intake.failed(error)
        self.discard()

    def _make_room(self, size_bytes: int) -> None:
        if self._size + size_bytes > self._promised_size:
            self._step = self._spool.intake.room.go_on(self._step, size_bytes)
            self._promised_size = self._size + self._step

    def _open(self) -> None:
        try:
            self._fd = os.open(self._shard, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o640)
        except OSError as error:
            if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR}:
                raise
            # A file system without O_TMPFILE (NFS, some overlays): a named part, locked against the sweep.
            self._part = self._spool.tmp / f"{new_ulid()}{PART_SUFFIX}"
            self._fd = os.open(self._part, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o640)
            fcntl.flock(self._fd, fcntl.LOCK_EX)

    def _check(self) -> dict[int, str]:
        if self._size <= len(self._head):
            raise MalformedDataSet("the data set is empty")
        syntax, size = self._request.transfer_syntax_uid, self._size - len(self._head)
        found = scan_beginning(self._beginning, size, syntax, WANTED)
        if found is None:
            # Mapped only where it must be: with many threads each map and unmap makes the others wait.
            mapped = mmap.mmap(self._fd, self._size, access=mmap.ACCESS_READ)
            found = scan(memoryview(mapped)[len(self._head) :], syntax, WANTED)
        return check_uids(found, self._request)

    def _make_durable(self) -> None:
        os.fdatasync(self._fd)
        self._name()

    def _name(self) -> None:
        name = f"{new_ulid()}{SUFFIX}"
        source = self._part or f"/proc/self/fd/{self._fd}"
        folder = os.open(self._shard, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
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


def _behind(pieces: list[memoryview], count: int) -> list[memoryview]:
    """What is left when so many bytes are written: nothing, but for a disk that is nearly full."""
    left = []
    for piece in pieces:
        if count < len(piece):
            left.append(piece[count:])
        count = max(0, count - len(piece))
    return left


def _reason(error: OSError) -> str:
    """For the Error Comment: ours in full, the system's without the path that it may name."""
    known = error.strerror if not error.filename else None
    return known or os.strerror(error.errno or 0)
