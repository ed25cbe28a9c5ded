"""Open associations that wait for the next query, so that it does not pay for the negotiation (PS3.8 7.1).

An association belongs to one thread while it is lent. A pool belongs to one process: make it after the fork.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dicomnet.wire.find import FindAssociation
from dicomnet.wire.peer import Peer, PeerError


@dataclass(frozen=True)
class Lent:
    """An association that is ours for now.

    Attributes:
        is_fresh: it was opened just now; one that has waited may prove broken at the first use.
    """

    assoc: FindAssociation
    is_fresh: bool


@dataclass(frozen=True)
class _Waiting:
    assoc: FindAssociation
    since: float


class AssociationPool:
    """Lends open associations by peer, up to so many to each."""

    def __init__(
        self,
        opened: Callable[[Peer], FindAssociation],
        *,
        per_peer: int = 4,
        idle_seconds: float = 30,
        patience_seconds: float = 10,
    ) -> None:
        """Start empty.

        Args:
            opened: opens an association with a peer.
            per_peer: how many may be open with one peer at once.
            idle_seconds: after this a waiting one is not used again; peers drop them after a minute or so.
            patience_seconds: how long to wait for one while all are lent.
        """
        self._opened = opened
        self._per_peer = per_peer
        self._idle_seconds = idle_seconds
        self._patience_seconds = patience_seconds
        self._changed = threading.Condition()
        self._waiting: dict[Peer, list[_Waiting]] = defaultdict(list)
        self._open: dict[Peer, int] = defaultdict(int)

    @contextmanager
    def lend(self, peer: Peer, *, fresh: bool = False) -> Iterator[Lent]:
        """An association with a peer; afterwards it waits for the next borrower when it is idle, else it is aborted.

        Args:
            peer: with whom.
            fresh: do not take one that has waited; what waits for this peer is dropped, since it is probably broken.

        Raises:
            PeerError: none could be opened, or all are lent for too long.
        """
        if fresh:
            self._drop(lambda waiting_peer, _: waiting_peer == peer, politely=False)
        assoc = self._reserve(peer)
        is_fresh = assoc is None
        try:
            assoc = assoc or self._opened(peer)
            yield Lent(assoc, is_fresh)
        finally:
            self._take_back(peer, assoc)
            self.drop_old()

    def drop_old(self) -> None:
        """Release the associations that have waited for too long."""
        limit = time.monotonic() - self._idle_seconds
        self._drop(lambda _, waiting: waiting.since < limit, politely=True)

    def close(self) -> None:
        """Release all that wait; those that are lent are taken back as ever."""
        self._drop(lambda *_: True, politely=True)

    def _reserve(self, peer: Peer) -> FindAssociation | None:
        """One that waits and is still alive, or None with the right to open one."""
        deadline = time.monotonic() + self._patience_seconds
        while True:
            with self._changed:
                while not self._waiting[peer] and self._open[peer] >= self._per_peer:
                    if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                        raise PeerError(f"all {self._per_peer} associations with {peer} are in use")
                if not self._waiting[peer]:
                    self._open[peer] += 1
                    return None
                found = self._waiting[peer].pop()  # the latest: the others grow old and are dropped
            is_young = time.monotonic() - found.since <= self._idle_seconds
            if is_young and found.assoc.channel.is_quiet():
                return found.assoc
            self._end(peer, found.assoc, politely=False)

    def _take_back(self, peer: Peer, assoc: FindAssociation | None) -> None:
        if assoc is None or not assoc.is_idle:
            self._end(peer, assoc, politely=False)
            return
        with self._changed:
            self._waiting[peer].append(_Waiting(assoc, time.monotonic()))
            self._changed.notify()

    def _drop(self, is_chosen: Callable[[Peer, _Waiting], bool], *, politely: bool) -> None:
        chosen: list[tuple[Peer, FindAssociation]] = []
        with self._changed:
            for peer, waiting in self._waiting.items():
                chosen += [(peer, one.assoc) for one in waiting if is_chosen(peer, one)]
                waiting[:] = [one for one in waiting if not is_chosen(peer, one)]
        for peer, assoc in chosen:
            self._end(peer, assoc, politely=politely)

    def _end(self, peer: Peer, assoc: FindAssociation | None, *, politely: bool) -> None:
        try:
            if assoc is not None:
                (assoc.release if politely else assoc.abort)()
        finally:
            with self._changed:
                self._open[peer] -= 1
                if not self._open[peer]:
                    del self._open[peer]
                    self._waiting.pop(peer, None)
                self._changed.notify()
