"""Send instances with C-STORE, data set bytes exactly as in the file (PS3.4 Annex B, PS3.7 9.1.1)."""

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dicomnet.part10 import DEFLATED, read_file_meta
from dicomnet.scu.association import MAXIMUM_CONTEXTS, Peer, PeerError, RequestorAssociation
from dicomnet.statuses import in_words, is_stored

MINIMUM_BYTES_PER_SECOND = 50_000  # slower than an ISDN line: what takes longer is a peer that has stopped


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


class StoreAssociation(RequestorAssociation):
    """An association that sends instances, one C-STORE after the other."""

    def __init__(self, peer: Peer, contexts: Iterable[tuple[str, str]]) -> None:
        super().__init__(peer, sorted(set(contexts)))

    def send(self, instance: Outgoing) -> StoreOutcome:
        """Send one instance and wait for its status.

        Raises:
            PeerError: the association is lost; what became of the instance is not known.
            OSError: the file cannot be read; nothing was sent.
        """
        context_id = self.contexts.get(instance.context)
        if context_id is None:
            sop_class, syntax = instance.context
            return StoreOutcome(None, f"{self.peer.ae_title} does not accept SOP Class {sop_class} in {syntax}")
        if instance.is_odd and instance.transfer_syntax_uid not in DEFLATED:
            return StoreOutcome(None, "the data set has an odd length, which no peer may accept (PS3.5 7.1.1)")
        with instance.path.open("rb") as file:
            if instance.size_bytes <= instance.data_set_offset:
                raise OSError(errno.ENODATA, "the file holds no data set")
            if os.fstat(file.fileno()).st_size != instance.size_bytes:
                raise OSError(errno.EIO, "the file has not the size that it had when it was stored")
            message_id = self.next_message_id()
            patience = self.peer.dimse_timeout_seconds + instance.size_bytes / MINIMUM_BYTES_PER_SECOND
            try:
                self._limit_writes(patience)
                self._write(file.fileno(), instance, context_id, message_id)
            except OSError as error:
                raise PeerError(f"the connection broke while sending ({error.strerror or error})") from error
        status, response = self.read_status(message_id, patience)
        return StoreOutcome(status, response.get(0x0902, b"").decode("ascii", "replace").rstrip("\0 "))

    def _limit_writes(self, seconds: float) -> None:
        # The timeout bounds waiting for room in the send buffer; TCP_USER_TIMEOUT bounds data that the peer's
        # machine never acknowledges, which a write into a buffer with room would not notice.
        self.socket.settimeout(seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))

    def _write(self, fd: int, instance: Outgoing, context_id: int, message_id: int) -> None:
        head = self.command_pdu(
            context_id,
            [
                (0x0002, _even(instance.sop_class_uid)),
                (0x0100, b"\x01\x00"),
                (0x0110, struct.pack("<H", message_id)),
                (0x0700, b"\x00\x00"),
                (0x0800, b"\x00\x00"),
                (0x1000, _even(instance.sop_instance_uid)),
            ],
        )
        position, end = instance.data_set_offset, instance.size_bytes
        while position < end:
            count = min(self.fragment_bytes, end - position)
            is_last = position + count == end
            # PS3.5 A.5: a deflated stream of odd length is padded with one zero byte.
            padding = b"\0" if is_last and instance.is_odd else b""
            header = self.fragment_header(context_id, count + len(padding), is_last=is_last)
            self.socket.sendall(head + header, socket.MSG_MORE)
            head = b""
            while count:
                piece = os.pread(fd, min(count, 1 << 20), position)
                if not piece:
                    raise OSError("the file became shorter while it was sent")
                self.socket.sendall(piece)
                position += len(piece)
                count -= len(piece)
            if padding:
                self.socket.sendall(padding)


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


def _even(uid: str) -> bytes:
    value = uid.encode("ascii")
    return value + b"\0" * (len(value) % 2)
