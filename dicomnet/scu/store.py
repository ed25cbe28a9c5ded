"""Send instances with C-STORE, data set bytes exactly as in the file (PS3.4 Annex B, PS3.7 9.1.1, D.3.3.3)."""

import os
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass

from dicomnet.scu.outgoing import MoveOriginator, Outgoing, Sent, StoreOutcome, by_association
from dicomnet.statuses import in_words
from dicomnet.wire.inbox import Command
from dicomnet.wire.peer import Peer, PeerError
from dicomnet.wire.requestor import RequestorAssociation
from dicomnet.wire.send import DataSetOnDisk, FileLost, Sender, Writer

MINIMUM_BYTES_PER_SECOND = 50_000  # slower than an ISDN line: what takes longer is a peer that has stopped
WINDOW = 16  # what we ask for; most peers grant 1

__all__ = [
    "AssociationLost",
    "MoveOriginator",
    "Outgoing",
    "Sent",
    "StoreAssociation",
    "StoreOutcome",
    "by_association",
]


class AssociationLost(PeerError):
    """The association ended while instances were under way.

    Attributes:
        outstanding: those of which not known whether the peer has them, in the order of sending.
    """

    def __init__(self, message: str, outstanding: tuple[Outgoing, ...]) -> None:
        super().__init__(message)
        self.outstanding = outstanding


@dataclass
class _Request:
    """One C-STORE request, ready to be written or under way."""

    instance: Outgoing
    message_id: int
    writer: Writer
    patience_seconds: float
    is_whole: bool = False


class StoreAssociation(RequestorAssociation):
    """An association that sends instances."""

    def __init__(
        self,
        peer: Peer,
        contexts: Iterable[tuple[str, str]],
        *,
        window: int = WINDOW,
        priority: int = 0,
        originator: MoveOriginator | None = None,
        heartbeat: Callable[[], None] | None = None,
    ) -> None:
        """Connect and negotiate.

        Args:
            peer: whom to call.
            contexts: of the instances that are to be sent.
            window: how many instances may be under way at once, if the peer grants that; 1 sends each alone.
            priority: of each request: 0 medium, 1 high, 2 low (PS3.7 9.3.1.1).
            originator: the C-MOVE request for which all is sent.
            heartbeat: as for every association.

        Raises:
            PeerError: as for every association.
        """
        super().__init__(peer, sorted(set(contexts)), window=window, heartbeat=heartbeat)
        self._priority = priority
        self._originator = originator
        self._sender = Sender(self.channel, self.fragment_bytes)
        self._outstanding: dict[int, _Request] = {}
        self._answered: list[Sent] = []
        self._heard_at = 0.0

    def send(self, instance: Outgoing) -> StoreOutcome:
        """Send one instance and wait for its status.

        Raises:
            AssociationLost: what became of the instance is not known.
            OSError: the file cannot be read; nothing was sent.
        """
        with closing(self.send_all([instance])) as answers:
            sent = next(answers)
        if isinstance(sent.outcome, OSError):
            raise sent.outcome
        return sent.outcome

    def send_all(self, instances: Iterable[Outgoing]) -> Generator[Sent]:
        """Send many, several under way at once where the peer grants it; yield each as its answer comes.

        While the peer works on one instance the next one's file is opened, checked and read ahead, so ``instances``
        is taken from before the outcome of the one before is known.

        Raises:
            AssociationLost: in the middle; what was answered before has been yielded.
        """
        with closing(self._prepare(instances)) as requests:
            request = next(requests, None)
            while request is not None or self._outstanding:
                if isinstance(request, Sent):
                    yield request
                    request = next(requests, None)
                    continue
                try:
                    if request is not None and len(self._outstanding) < self.window:
                        self._transmit(request)
                        request = next(requests, None)
                    else:
                        self._await_answer()
                except PeerError as error:
                    self.abort()
                    yield from self._take_answered()
                    outstanding = tuple(request.instance for request in self._outstanding.values())
                    raise AssociationLost(str(error), outstanding) from error
                yield from self._take_answered()

    def _take_answered(self) -> list[Sent]:
        answered, self._answered = self._answered, []
        return answered

    def _prepare(self, instances: Iterable[Outgoing]) -> Generator[_Request | Sent]:
        """Each instance as a request with its file open, or what keeps it from being sent."""
        for instance in instances:
            context_id = self.contexts.get(instance.context)
            if context_id is None:
                sop_class, syntax = instance.context
                words = f"{self.peer.ae_title} does not accept SOP Class {sop_class} in {syntax}"
                yield Sent(instance, StoreOutcome(None, words))
                continue
            if instance.is_odd and not instance.may_be_padded:
                words = "the data set has an odd length, which no peer may accept (PS3.5 7.1.1)"
                yield Sent(instance, StoreOutcome(None, words))
                continue
            try:
                data = instance.open()
            except OSError as error:
                yield Sent(instance, error)
                continue
            try:
                yield self._request(instance, context_id, data)
            finally:
                os.close(data.fd)

    def _request(self, instance: Outgoing, context_id: int, data: DataSetOnDisk) -> _Request:
        message_id = self.next_message_id()
        elements = instance.request(message_id, priority=self._priority, originator=self._originator)
        command = self.message(context_id, elements)
        patience = self.peer.dimse_timeout_seconds + instance.size_bytes / MINIMUM_BYTES_PER_SECOND
        return _Request(instance, message_id, self._sender.begin(command, context_id, data), patience)

    def _transmit(self, request: _Request) -> None:
        """Write one request, and take what the peer says meanwhile."""
        self._outstanding[request.message_id] = request
        writer = request.writer
        deadline = time.monotonic() + request.patience_seconds
        try:
            self.channel.limit_silence(request.patience_seconds)
            while not writer.write_some():
                # Room was short, or the instance is long: what may the peer have said meanwhile?
                may_read, _ = self.wait(deadline, to_write=True)
                if may_read:
                    self._take_what_came()
                if time.monotonic() > deadline:
                    raise TimeoutError
        except FileLost as error:
            raise PeerError(f"the association was aborted because the file {error} while it was sent") from error
        except OSError as error:
            self._take_what_came()
            self.explain(error)
        request.is_whole = True
        self._heard_at = time.monotonic()

    def _await_answer(self) -> None:
        # Each answer restarts the clock: the peer may work on one instance after the other.
        patience = max(request.patience_seconds for request in self._outstanding.values())
        self._take_answer(self.read(self._heard_at + patience))
        while (answer := self.next_message()) is not None:
            self._take_answer(answer)

    def _take_what_came(self) -> None:
        while (answer := self.read_if_any()) is not None:
            self._take_answer(answer)

    def _take_answer(self, answer: object) -> None:
        if not isinstance(answer, Command) or answer.status is None or answer.answers not in self._outstanding:
            raise PeerError("the peer answered something else than what it was asked")
        request = self._outstanding[answer.answers]
        outcome = StoreOutcome(answer.status, answer.comment)
        if outcome.is_stored and not request.is_whole:
            # It cannot have what it has not been sent; a refusal may come early, when the headers are enough for it.
            raise PeerError(f"the peer answered {in_words(answer.status)} before it had the whole instance")
        del self._outstanding[answer.answers]
        self._answered.append(Sent(request.instance, outcome))
        self._heard_at = time.monotonic()
