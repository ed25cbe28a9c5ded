"""How many connections there may be, and who makes room for a newcomer.

A connection that says nothing costs a thread and a descriptor. Refusing newcomers when there are too many would let
whoever is silent lock the others out, so it is the other way round: the one that has been silent longest is cut off.
A device that means it sends its request within milliseconds.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from dicomnet.wire.connection import Connection

MAXIMUM_WAITING = 128  # connections of a process on which nobody has asked for an association yet
MAXIMUM_WAITING_PER_ADDRESS = 32
MAXIMUM_ASSOCIATIONS = 256  # of a process
MAXIMUM_ASSOCIATIONS_PER_ADDRESS = 128
IDLE_SECONDS = 10  # an association that has been silent so long may be cut off for a newcomer


@dataclass(frozen=True)
class Limits:
    """The limits of one listener process."""

    waiting: int = MAXIMUM_WAITING
    waiting_per_address: int = MAXIMUM_WAITING_PER_ADDRESS
    associations: int = MAXIMUM_ASSOCIATIONS
    associations_per_address: int = MAXIMUM_ASSOCIATIONS_PER_ADDRESS
    idle_seconds: float = IDLE_SECONDS


class Guard:
    """The open connections of one process; safe for use from many threads."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._waiting: dict[Connection, None] = {}  # oldest first
        self._associations: dict[Connection, Callable[[], float | None]] = {}
        self._is_stopping = False

    def enter(self, connection: Connection) -> None:
        """A connection was accepted; the oldest that waits is cut off when there are too many."""
        with self._lock:
            self._waiting[connection] = None
            same = [other for other in self._waiting if other.address == connection.address]
            if len(same) > self._limits.waiting_per_address:
                oldest = same[0]
            elif len(self._waiting) > self._limits.waiting:
                oldest = next(iter(self._waiting))
            else:
                return
            del self._waiting[oldest]
        oldest.interrupt()

    def establish(self, connection: Connection, idle_since: Callable[[], float | None]) -> bool:
        """An association was asked for; False when there are too many and each of them is at work.

        Args:
            idle_since: tells when (time.monotonic) it was last heard of; None while a message is under way.
        """
        with self._lock:
            same = {known: idle for known, idle in self._associations.items() if known.address == connection.address}
            crowd = None
            if len(same) >= self._limits.associations_per_address:
                crowd = same
            elif len(self._associations) >= self._limits.associations:
                crowd = self._associations
            idlest = self._idlest(crowd) if crowd is not None else None
            if self._is_stopping or (crowd is not None and idlest is None):
                return False
            if idlest is not None:
                del self._associations[idlest]
            self._waiting.pop(connection, None)
            self._associations[connection] = idle_since
        if idlest is not None:
            idlest.interrupt()
        return True

    def leave(self, connection: Connection) -> None:
        """The connection is closed."""
        with self._lock:
            self._waiting.pop(connection, None)
            self._associations.pop(connection, None)

    @property
    def count(self) -> int:
        """Connections that are open."""
        with self._lock:
            return len(self._waiting) + len(self._associations)

    def stop(self, grace_seconds: float) -> None:
        """Admit no more, end what is idle at once, and what is at work after a grace."""
        self._is_stopping = True
        deadline = time.monotonic() + grace_seconds
        while self.count and time.monotonic() < deadline:
            with self._lock:
                idle = [*self._waiting, *(known for known, since in self._associations.items() if since() is not None)]
            for connection in idle:
                connection.interrupt()
            time.sleep(0.05)
        with self._lock:
            left = [*self._waiting, *self._associations]
        for connection in left:
            connection.interrupt()

    def _idlest(self, crowd: dict[Connection, Callable[[], float | None]]) -> Connection | None:
        silent = [(since, known) for known, idle in crowd.items() if (since := idle()) is not None]
        since, idlest = min(silent, key=lambda pair: pair[0], default=(time.monotonic(), None))
        return idlest if time.monotonic() - since >= self._limits.idle_seconds else None
