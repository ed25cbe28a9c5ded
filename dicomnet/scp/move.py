"""The sub-operations of a C-MOVE, sent to its destination over an association of their own (PS3.4 C.4.2.3.1)."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from itertools import chain

from dicomnet.retrieval import MoveDestination, RetrieveRefused, RetrieveStatus
from dicomnet.scp.progress import Progress
from dicomnet.scu.outgoing import MoveOriginator, Outgoing, by_association
from dicomnet.scu.store import AssociationLost, StoreAssociation
from dicomnet.wire.peer import PeerError
from dicomnet.wire.proposal import MAXIMUM_CONTEXTS

PLACE_SECONDS = 300  # how long a request waits while the destination's associations are all in use
LOOK_SECONDS = 0.1


class Mover:
    """Sends what a C-MOVE request names to its destination, and counts."""

    def __init__(
        self,
        destination: MoveDestination,
        progress: Progress,
        attend: Callable[[], None],
        *,
        calling_ae_title: str,
        message_id: int,
        priority: int,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            destination: where to send to.
            progress: what is counted.
            attend: called now and then; what it raises ends it all.
            calling_ae_title: who asked, and ``message_id`` of its request: the destination is told.
            message_id: of the C-MOVE request.
            priority: of each C-STORE request.
        """
        self._destination = destination
        self._progress = progress
        self._attend = attend
        self._originator = MoveOriginator(calling_ae_title, message_id)
        self._priority = priority

    def send(self, instances: Iterator[Outgoing], contexts: frozenset[tuple[str, str]]) -> None:
        """Send all of them.

        Args:
            instances: taken from one by one.
            contexts: what they are stored in, as far as is known before.

        Raises:
            RetrieveRefused: the destination was busy for too long.
        """
        first = next(instances, None)
        if first is None:
            return
        with self._place():
            rest: Iterable[Outgoing] = chain([first], instances)
            if len(contexts) <= MAXIMUM_CONTEXTS:
                self._send_run(iter(rest), contexts)
                return
            for run in by_association(rest):
                self._send_run(iter(run), frozenset(instance.context for instance in run))

    def _place(self) -> AbstractContextManager[None]:
        deadline = time.monotonic() + PLACE_SECONDS
        while (place := self._destination.take_place()) is None:
            self._attend()
            if time.monotonic() > deadline:
                raise RetrieveRefused(RetrieveStatus.CANNOT_PERFORM, "the Move Destination is busy with other requests")
            time.sleep(LOOK_SECONDS)
        return place

    def _send_run(self, waiting: Iterator[Outgoing], contexts: frozenset[tuple[str, str]]) -> None:
        """Send over one association after the other, as long as each brings something there."""
        under_way: dict[Outgoing, None] = {}

        def taken() -> Iterator[Outgoing]:
            for instance in waiting:
                under_way[instance] = None
                yield instance

        while True:
            stored = self._stored
            try:
                self._send_over_one(taken(), contexts, under_way)
            except AssociationLost as lost:
                for instance in lost.outstanding:
                    under_way.pop(instance, None)
                    self._progress.fail(instance.sop_instance_uid, f"what became of it is not known: {lost}")
                left = list(under_way)
                under_way.clear()
                waiting = chain(left, waiting)
                if self._stored == stored:
                    self._fail_all(waiting, str(lost))
                    return
            except PeerError as error:
                self._fail_all(chain(list(under_way), waiting), str(error))
                return
            else:
                return

    def _send_over_one(
        self, instances: Iterator[Outgoing], contexts: frozenset[tuple[str, str]], under_way: dict[Outgoing, None]
    ) -> None:
        association = StoreAssociation(
            self._destination.peer,
            contexts,
            priority=self._priority,
            originator=self._originator,
            heartbeat=self._attend,
        )
        with association, closing(association.send_all(instances)) as answers:
            for sent in answers:
                under_way.pop(sent.instance, None)
                self._progress.add(sent)
                self._attend()

    @property
    def _stored(self) -> int:
        return self._progress.completed + self._progress.warnings

    def _fail_all(self, instances: Iterable[Outgoing], reason: str) -> None:
        for instance in instances:
            self._progress.fail(instance.sop_instance_uid, reason)
