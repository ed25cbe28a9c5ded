"""What is sent and what became of it (PS3.4 Annex B, PS3.10 7.1)."""

import errno
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dicomnet.part10 import DEFLATED, read_file_meta
from dicomnet.statuses import in_words, is_stored
from dicomnet.wire import pdu
from dicomnet.wire.proposal import MAXIMUM_CONTEXTS
from dicomnet.wire.send import DataSetOnDisk

PREFETCH_BYTES = 8 << 20  # the kernel reads on by itself once the sending has begun


@dataclass(frozen=True)
class MoveOriginator:
    """The C-MOVE request that a C-STORE sub-operation belongs to (PS3.7 9.1.1.1.8, 9.1.1.1.9)."""

    ae_title: str
    message_id: int


@dataclass(frozen=True)
class Outgoing:
    """One instance to send: a Part 10 file and what its File Meta Information says."""

    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set_offset: int
    size_bytes: int

    @property
    def context(self) -> tuple[str, str]:
        """The presentation context that it needs."""
        return self.sop_class_uid, self.transfer_syntax_uid

    @property
    def is_odd(self) -> bool:
        """The data set has an odd number of bytes, which a fragment must not have (PS3.8 9.3.5.1)."""
        return (self.size_bytes - self.data_set_offset) % 2 == 1

    @property
    def may_be_padded(self) -> bool:
        """An odd length is no defect: a deflated stream is padded with one zero byte (PS3.5 A.5)."""
        return self.transfer_syntax_uid in DEFLATED

    @classmethod
    def from_file(cls, path: Path) -> "Outgoing":
        """Read the File Meta Information of a Part 10 file.

        Raises:
            NotPart10: the file is something else.
            OSError: the file cannot be read.
        """
        with path.open("rb") as file:
            meta = read_file_meta(file)
            return cls(
                path=path,
                sop_class_uid=meta.sop_class_uid,
                sop_instance_uid=meta.sop_instance_uid,
                transfer_syntax_uid=meta.transfer_syntax_uid,
                data_set_offset=meta.data_set_offset,
                size_bytes=os.fstat(file.fileno()).st_size,
            )

    def open(self) -> DataSetOnDisk:
        """Open the file and see that it still is what it was; the caller closes its descriptor.

        Raises:
            OSError: it cannot be read, or has another size.
        """
        fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if self.size_bytes <= self.data_set_offset:
                raise OSError(errno.ENODATA, "the file holds no data set")
            if os.fstat(fd).st_size != self.size_bytes:
                raise OSError(errno.EIO, "the file has not the size that it had when it was stored")
            self._read_ahead(fd)
        except OSError:
            os.close(fd)
            raise
        return DataSetOnDisk(fd, self.data_set_offset, self.size_bytes, b"\0" if self.is_odd else b"")

    def request(
        self, message_id: int, *, priority: int = 0, originator: "MoveOriginator | None" = None
    ) -> list[tuple[int, bytes]]:
        """The command set of its C-STORE request (PS3.7 9.3.1.1).

        Args:
            message_id: of the request.
            priority: 0 medium, 1 high, 2 low.
            originator: the C-MOVE request for which it is sent; None when there is none.
        """
        elements = [
            (pdu.AFFECTED_SOP_CLASS_UID, pdu.encode_uid(self.sop_class_uid)),
            (pdu.COMMAND_FIELD, pdu.C_STORE_RQ),
            (pdu.MESSAGE_ID, pdu.encode_us(message_id)),
            (pdu.PRIORITY, pdu.encode_us(priority)),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.HAS_DATA_SET),
            (pdu.AFFECTED_SOP_INSTANCE_UID, pdu.encode_uid(self.sop_instance_uid)),
        ]
        if originator is not None:
            title = originator.ae_title.encode("ascii", "replace")
            elements += [
                (pdu.MOVE_ORIGINATOR_AE_TITLE, title + b" " * (len(title) % 2)),
                (pdu.MOVE_ORIGINATOR_MESSAGE_ID, pdu.encode_us(originator.message_id)),
            ]
        return elements

    def _read_ahead(self, fd: int) -> None:
        """Have the kernel read what is not in memory; a volume that cannot be read says so while nothing was sent."""
        try:
            os.preadv(fd, [bytearray(1)], self.data_set_offset, os.RWF_NOWAIT)
        except OSError:  # not in memory, or a file system that cannot tell
            os.posix_fadvise(fd, 0, min(self.size_bytes, PREFETCH_BYTES), os.POSIX_FADV_WILLNEED)
            os.pread(fd, 1, self.data_set_offset)


@dataclass(frozen=True)
class StoreOutcome:
    """What became of one instance.

    Attributes:
        status: the peer's status; None when it was not asked because no presentation context fits.
        comment: Error Comment (0000,0902) of the response, or why it was not sent.
    """

    status: int | None
    comment: str = ""

    @property
    def is_stored(self) -> bool:
        """The peer says that it keeps the instance."""
        return self.status is not None and is_stored(self.status)

    def __str__(self) -> str:
        if self.status is None:
            return self.comment
        return in_words(self.status) + (f" ({self.comment})" if self.comment else "")


@dataclass(frozen=True)
class Sent:
    """One instance of many, and what became of it.

    Attributes:
        outcome: an OSError when its file cannot be read; nothing was sent then.
    """

    instance: Outgoing
    outcome: StoreOutcome | OSError


def by_association(instances: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    """Cut a sequence into runs whose presentation contexts fit into one association."""
    run: list[Outgoing] = []
    contexts: set[tuple[str, str]] = set()
    for instance in instances:
        if instance.context not in contexts and len(contexts) == MAXIMUM_CONTEXTS:
            yield run
            run, contexts = [], set()
        contexts.add(instance.context)
        run.append(instance)
    if run:
        yield run
