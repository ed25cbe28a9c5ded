"""C-STORE sub-operations over an accepted association: we are the SCU, whoever asked is the SCP (PS3.4 C.4.3.3).

File bytes go by ``dicomnet.wire.send``, as on an association that we opened. The association's own thread writes, and
reads through the association, so that a cancel or an abort is noticed while an instance is on its way.
"""

import os
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import NoReturn

from dicomnet.scp.association import AcceptedAssociation
from dicomnet.scu.outgoing import Outgoing, Sent, StoreOutcome
from dicomnet.statuses import is_stored
from dicomnet.wire import pdu
from dicomnet.wire.channel import Channel
from dicomnet.wire.inbox import Command
from dicomnet.wire.operations import UNEXPECTED_PDU, AssociationOver, ProtocolError
from dicomnet.wire.requestor import HEARTBEAT_SECONDS, MAXIMUM_FRAGMENT_BYTES
from dicomnet.wire.send import FileLost, Sender, Writer

ANSWER_SECONDS = 60
MINIMUM_BYTES_PER_SECOND = 50_000


@dataclass
class _Request:
    instance: Outgoing
    message_id: int
    writer: Writer
    patience_seconds: float


class SubOperations:
    """Sends instances to the requestor of an association; belongs to the association's thread."""

    def __init__(self, assoc: AcceptedAssociation, heartbeat: Callable[[], None], *, priority: int = 0) -> None:
        """Begin.

        Args:
            assoc: on which a request is in service.
            heartbeat: called about each HEARTBEAT_SECONDS while an answer is awaited, when a response may be written.
            priority: of each request: 0 medium, 1 high, 2 low.

        Raises:
            AssociationOver: the connection is gone.
        """
        raw = assoc.connection.raw
        if raw is None:
            raise AssociationOver("the connection is closed")
        self._assoc = assoc
        self._contexts = assoc.sendable()
        self._heartbeat = heartbeat
        self._next_beat = 0.0
        self._priority = priority
        self._channel = Channel(raw)
        self._fragment_bytes = pdu.fragment_limit(assoc.requestor.maximum_length or 0, MAXIMUM_FRAGMENT_BYTES)
        self._sender = Sender(self._channel, self._fragment_bytes)
        self._message_id = 0
        self._answer: Command | None = None
        self._sent_id, self._is_whole = 0, True  # of the request that was sent last
        assoc.on_response = self._take_answer

    def send_all(self, instances: Iterable[Outgoing]) -> Generator[Sent]:
        """Send one after the other; yield each with its answer.

        While the peer works on one instance the next one's file is opened, checked and read ahead, so ``instances``
        is taken from before the outcome of the one before is known.

        Raises:
            AssociationOver: nothing more can be sent.
        """
        with closing(self._prepare(instances)) as requests:
            request = next(requests, None)
            while request is not None:
                if isinstance(request, Sent):
                    yield request
                    request = next(requests, None)
                    continue
                self._transmit(request)
                following = next(requests, None)
                yield Sent(request.instance, self._await_answer(request))
                request = following

    def _prepare(self, instances: Iterable[Outgoing]) -> Generator[_Request | Sent]:
        """Each instance as a request with its file open, or what keeps it from being sent."""
        for instance in instances:
            context_id = self._contexts.get(instance.context)
            if context_id is None:
                yield Sent(instance, StoreOutcome(None, "the caller accepts it in no transfer syntax it is stored in"))
                continue
            if instance.is_odd and not instance.may_be_padded:
                yield Sent(instance, StoreOutcome(None, "the data set has an odd length, which may not be sent"))
                continue
            try:
                data = instance.open()
            except OSError as error:
                yield Sent(instance, error)
                continue
            self._message_id = self._message_id % 65_535 + 1  # PS3.7 9.1.1.1.1
            elements = instance.request(self._message_id, priority=self._priority)
            command = pdu.command_pdus(context_id, elements, self._fragment_bytes)
            writer = self._sender.begin(command, context_id, data)
            patience = ANSWER_SECONDS + instance.size_bytes / MINIMUM_BYTES_PER_SECOND
            try:
                yield _Request(instance, self._message_id, writer, patience)
            finally:
                os.close(data.fd)

    def _transmit(self, request: _Request) -> None:
        self._answer, self._sent_id, self._is_whole = None, request.message_id, False
        deadline = time.monotonic() + request.patience_seconds
        try:
            self._channel.limit_silence(request.patience_seconds)
            while not request.writer.write_some():
                # Room was short, or the instance is long: what may the peer have said meanwhile?
                may_read, _ = self._channel.wait(deadline, to_write=True)
                if may_read:
                    self._assoc.take_in(0)
                if time.monotonic() > deadline:
                    self._give_up("the caller has stopped reading")
        except FileLost as error:
            # There is no other way to end a data set early.
            self._give_up(f"the association was aborted because a file {error} while it was sent")
        except OSError as error:
            raise AssociationOver(f"the connection broke while sending ({error.strerror or error})") from error
        self._is_whole = True

    def _await_answer(self, request: _Request) -> StoreOutcome:
        deadline = time.monotonic() + request.patience_seconds
        while (answer := self._answer) is None:
            if not self._assoc.take_in(self._until(deadline)) and time.monotonic() > deadline:
                self._give_up("the caller did not answer in time")
        return StoreOutcome(answer.status, answer.comment)

    def _until(self, deadline: float) -> float:
        """See to the heartbeat; until when to wait then."""
        now = time.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + HEARTBEAT_SECONDS
            self._heartbeat()
        return min(deadline, self._next_beat)

    def _take_answer(self, command: dict[int, bytes]) -> None:
        answer = Command(command)
        if self._answer is not None or answer.status is None or answer.answers != self._sent_id:
            raise ProtocolError("the caller answered something else than what it was asked", UNEXPECTED_PDU)
        if not self._is_whole and is_stored(answer.status):
            # A refusal may come early, when the headers are enough for it.
            raise ProtocolError("the caller answered before it had the whole instance", UNEXPECTED_PDU)
        self._answer = answer

    def _give_up(self, words: str) -> NoReturn:
        self._assoc.abort()
        raise AssociationOver(words)
