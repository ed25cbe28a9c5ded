"""Deliver by STOW-RS: several instances in one request, streamed from their files (PS3.18 10.5)."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

from dicomnet.scu.outgoing import Outgoing
from dicomnet.web.http import Answer, Caller, HttpError
from routing.batch import Batch
from routing.models import Delivery, Destination
from routing.outgoing import outgoing
from routing.transports import stow_answer
from routing.transports.callers import caller_of
from routing.transports.outcome import Outcome, PeerLost
from routing.transports.part10 import file_meta_of
from routing.transports.pieces import Pieces

REQUEST_BYTES = 32 << 20  # a larger instance goes alone
REQUEST_INSTANCES = 50
ANSWER_BYTES = 65_536
ANSWER_BYTES_PER_INSTANCE = 8_192
# Without the parameter transfer-syntax, which the File Meta Information tells as well: Orthanc passes over such parts.
_PART_HEAD = b"Content-Type: application/dicom\r\n\r\n"
_END_OF_LINE = b"\r\n"


class _FileLost(Exception):
    """A file became shorter or unreadable while it was sent."""

    def __init__(self, part: "_Part", reason: str) -> None:
        super().__init__(reason)
        self.part = part


@dataclass(frozen=True)
class _Part:
    """One instance in a request: its file is open."""

    delivery: Delivery
    sop_instance_uid: str
    data_set_bytes: int
    content: Pieces

    @property
    def size_bytes(self) -> int:
        """Of the part in the body."""
        return len(_PART_HEAD) + self.content.size_bytes + len(_END_OF_LINE)

    def pieces(self) -> Iterator[bytes]:
        """The part as it goes out."""
        yield _PART_HEAD
        try:
            yield from self.content
        except OSError as error:
            raise _FileLost(self, str(error.strerror)) from error
        yield _END_OF_LINE


def send(destination: Destination, batch: Batch) -> Iterator[Outcome]:
    """Send each delivery's data set, behind File Meta Information that names only what it is.

    Raises:
        PeerLost: the service cannot be reached, does not let Gantry in, or was lost.
    """
    try:
        with caller_of(destination) as caller, outgoing(batch.all) as files:
            yield from files.failed
            for group in groups(files.while_they_may_go(batch)):
                yield from _send_group(caller, group)
    except HttpError as error:
        raise PeerLost(str(error)) from error


def groups(files: Iterable[tuple[Outgoing, Delivery]]) -> Iterator[list[tuple[Outgoing, Delivery]]]:
    """Cut into requests.

    What was tried before goes alone, as it may be what makes requests fail. Of two contents with one UID each has its
    own request, or nobody could tell whose answer is whose.
    """
    group: list[tuple[Outgoing, Delivery]] = []
    for instance, delivery in files:
        is_alone = delivery.attempts > 1 or any(other.attempts > 1 for _, other in group)
        size = sum(other.size_bytes for other, _ in group) + instance.size_bytes
        uids = {other.sop_instance_uid for other, _ in group}
        is_full = len(group) == REQUEST_INSTANCES or size > REQUEST_BYTES
        if group and (is_alone or is_full or instance.sop_instance_uid in uids):
            yield group
            group = []
        group.append((instance, delivery))
    if group:
        yield group


def _send_group(caller: Caller, group: list[tuple[Outgoing, Delivery]]) -> Iterator[Outcome]:
    with ExitStack() as files:
        waiting: dict[int, _Part] = {}
        for instance, delivery in group:
            try:
                waiting[delivery.pk] = _open(instance, delivery, files)
            except OSError as error:
                yield Outcome(delivery, None, f"the stored file cannot be read: {error.strerror}")
        while waiting:
            try:
                for outcome in _send_parts(caller, list(waiting.values())):
                    part = waiting.pop(outcome.delivery.pk)
                    yield replace(outcome, sent_bytes=part.data_set_bytes) if outcome.is_delivered else outcome
            except _FileLost as lost:
                del waiting[lost.part.delivery.pk]
                yield Outcome(lost.part.delivery, None, f"the stored file cannot be read: {lost}")
            else:
                return


def _open(instance: Outgoing, delivery: Delivery, files: ExitStack) -> _Part:
    data = instance.open()
    files.callback(os.close, data.fd)
    size = instance.size_bytes - instance.data_set_offset
    return _Part(delivery, instance.sop_instance_uid, size, Pieces(file_meta_of(instance), data))


def _send_parts(caller: Caller, parts: list[_Part]) -> Iterator[Outcome]:
    try:
        answer = _post(caller, parts)
    except HttpError as error:
        # An error before the first byte says nothing of these instances.
        during = tuple(part.delivery for part in parts) if error.has_begun else ()
        raise PeerLost(str(error), during) from error
    said = stow_answer.read(answer)
    if said.is_about_all and len(parts) > 1:
        # It refused the request, not yet an instance: of two halves one may do, and at last each goes alone.
        middle = len(parts) // 2
        for half in (parts[:middle], parts[middle:]):
            yield from _send_parts(caller, half)
        return
    deliveries = {part.sop_instance_uid: part.delivery for part in parts}
    yield from stow_answer.outcomes(said, deliveries)


def _post(caller: Caller, parts: list[_Part]) -> Answer:
    boundary = secrets.token_hex(16)
    opening, closing = f"--{boundary}\r\n".encode(), f"--{boundary}--\r\n".encode()
    length = sum(len(opening) + part.size_bytes for part in parts) + len(closing)

    def body() -> Iterator[bytes]:
        for part in parts:
            yield opening
            yield from part.pieces()
        yield closing

    return caller.request(
        "POST",
        f"{caller.url.path}/studies",
        headers={
            "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
            "Accept": "application/dicom+json",
        },
        content=body(),
        length=length,
        limit=ANSWER_BYTES + ANSWER_BYTES_PER_INSTANCE * len(parts),
    )
