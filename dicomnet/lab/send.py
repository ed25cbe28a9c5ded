"""Send many instances over several associations at once, and count what became of each."""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from dicomnet.scu.association import Peer, PeerError
from dicomnet.scu.store import Outgoing, StoreAssociation, StoreOutcome, by_association
from dicomnet.statuses import in_words


@dataclass(frozen=True)
class Pace:
    """How fast to send: the number of associations, and a pause after every so many instances of each."""

    associations: int = 1
    delay_ms: int = 0
    burst: int = 1


@dataclass
class Tally:
    """What became of the instances of one run.

    Attributes:
        lost: sent without an answer, so whether the peer has it is not known.
        not_sent: reasons and how often.
        sentences: what went wrong with associations, each once.
    """

    asked: int = 0
    acknowledged: int = 0
    warned: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    not_sent: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    size_bytes: int = 0
    seconds: float = 0.0
    sentences: list[str] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Instances that went over the wire and were answered."""
        return self.acknowledged + self.warned.total() + self.refused.total()

    @property
    def is_complete(self) -> bool:
        """Each instance was acknowledged, with or without a warning."""
        return self.asked > 0 and self.acknowledged + self.warned.total() == self.asked and not self.sentences

    def add(self, instance: Outgoing, outcome: StoreOutcome) -> None:
        """Count one answer."""
        if outcome.status is None:
            self.not_sent[outcome.comment] += 1
            return
        self.size_bytes += instance.size_bytes - instance.data_set_offset
        if outcome.status == 0x0000:
            self.acknowledged += 1
        elif outcome.is_stored:
            self.warned[in_words(outcome.status)] += 1
        else:
            self.refused[str(outcome)] += 1

    def say(self, sentence: str) -> None:
        """Note a sentence once."""
        if sentence not in self.sentences:
            self.sentences.append(sentence)


class Sending:
    """One run of the sender; ``on_instance`` is called after each instance, from any thread, one at a time."""

    def __init__(self, peer: Peer, pace: Pace, on_instance: Callable[[], None]) -> None:
        self.peer = peer
        self.pace = pace
        self.tally = Tally()
        self._on_instance = on_instance
        self._lock = Lock()

    def run(self, instances: Sequence[Outgoing]) -> Tally:
        """Send all, in order where there is one association."""
        began = time.monotonic()
        self.tally.asked = len(instances)
        for batch in by_association(instances):
            queue = deque(batch)
            contexts = {instance.context for instance in batch}
            workers = min(self.pace.associations, len(batch))
            with ThreadPoolExecutor(workers) as pool:
                for worker in [pool.submit(self._associate, queue, contexts) for _ in range(workers)]:
                    worker.result()
            if queue:
                self.tally.not_sent["no association was left to send it"] += len(queue)
        self.tally.seconds = time.monotonic() - began
        return self.tally

    def _associate(self, queue: deque[Outgoing], contexts: set[tuple[str, str]]) -> None:
        """Open one association and send from the queue until it is empty or the association is lost."""
        try:
            with StoreAssociation(self.peer, contexts) as assoc:
                self._drain(assoc, queue)
        except PeerError as error:
            with self._lock:
                self.tally.say(_sentence(self.peer, error))

    def _drain(self, assoc: StoreAssociation, queue: deque[Outgoing]) -> None:
        done = 0
        while True:
            try:
                instance = queue.popleft()
            except IndexError:
                return
            if done and self.pace.delay_ms and done % self.pace.burst == 0:
                time.sleep(self.pace.delay_ms / 1000)
            self._send(assoc, instance)
            done += 1

    def _send(self, assoc: StoreAssociation, instance: Outgoing) -> None:
        try:
            outcome = assoc.send(instance)
        except OSError as error:
            outcome = StoreOutcome(None, f"the file cannot be read: {error.strerror}")
        except PeerError:
            with self._lock:
                self.tally.lost += 1
                self._on_instance()
            raise
        with self._lock:
            self.tally.add(instance, outcome)
            self._on_instance()


def _sentence(peer: Peer, error: PeerError) -> str:
    text = str(error)
    return f"{text}." if text.startswith(str(peer)) else f"{peer}: {text}."
