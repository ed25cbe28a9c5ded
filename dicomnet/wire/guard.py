"""How many connections there may be, and who makes room for a newcomer.

A connection that says nothing costs a thread and a descriptor. Refusing newcomers when there are too many would let
whoever is silent lock the others out, so it is the other way round: the one that has been silent longest is cut off.
A device that means it sends its request within milliseconds. With associations it is the same: one that has been idle
for long, or has never been used, makes room, and a newcomer waits a moment for that before it is turned away.
"""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from dicomnet.wire.connection import Connection

MAXIMUM_WAITING = 128  # connections of a process on which nobody has asked for an association yet
MAXIMUM_WAITING_PER_ADDRESS = 32
MAXIMUM_ASSOCIATIONS = 256  # of a process
MAXIMUM_ASSOCIATIONS_PER_ADDRESS = 128
IDLE_SECONDS = 10  # an association that has been idle so long is cut off for a newcomer
UNUSED_SECONDS = 0.5  # the same for one on which there has been no message yet
PATIENCE_SECONDS = 2  # a newcomer waits so long for room
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Limits:
    """The limits of one listener process."""

    waiting: int = MAXIMUM_WAITING
    waiting_per_address: int = MAXIMUM_WAITING_PER_ADDRESS
    associations: int = MAXIMUM_ASSOCIATIONS
    associations_per_address: int = MAXIMUM_ASSOCIATIONS_PER_ADDRESS
    idle_seconds: float = IDLE_SECONDS
    unused_seconds: float = UNUSED_SECONDS
    patience_seconds: float = PATIENCE_SECONDS


class Occupant(Protocol):
    """What the guard wants to know of an association."""

    @property
    def has_worked(self) -> bool:
        """There has been a message on it."""

    def idle_since(self) -> float | None:
        """When (time.monotonic) the peer was last heard of; None while a message is under way."""


class Guard:
    """The open connections of one process; safe for use from many threads."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._lock = threading.Condition()
        self._waiting: dict[Connection, None] = {}
        self._associations: dict[Connection, Occupant] = {}
        self._is_stopping = False

    def enter(self, connection: Connection) -> None:
        """A connection was accepted; the one that has been silent longest is cut off when too many wait."""
        with self._lock:
            self._waiting[connection] = None
            same = [other for other in self._waiting if other.address == connection.address]
            if len(same) > self._limits.waiting_per_address:
                surplus = _longest_silent(same)
            elif len(self._waiting) > self._limits.waiting:
                surplus = _longest_silent(self._waiting)
            else:
                return
            del self._waiting[surplus]
        surplus.interrupt()

    def establish(self, connection: Connection, occupant: Occupant) -> bool:
        """An association was asked for; waits for room, and returns False when each of the others is at work."""
        deadline = time.monotonic() + self._limits.patience_seconds
        with self._lock:
            self._waiting.pop(connection, None)  # it has spoken
            while not self._has_room(connection.address):
                left = deadline - time.monotonic()
                if left <= 0 or self._is_stopping:
                    return False
                self._lock.wait(min(left, LOOK_SECONDS))
            if self._is_stopping:
                return False
            self._associations[connection] = occupant
        return True

    def leave(self, connection: Connection) -> None:
        """The connection is closed."""
        with self._lock:
            self._waiting.pop(connection, None)
            self._associations.pop(connection, None)
            self._lock.notify_all()

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
                idle = [*self._waiting, *(known for known in self._associations if self._is_at_rest(known))]
            for connection in idle:
                connection.interrupt()
            time.sleep(0.05)
        with self._lock:
            left = [*self._waiting, *self._associations]
        for connection in left:
            connection.interrupt()

    def _is_at_rest(self, connection: Connection) -> bool:
        # A message that lies unread has begun: its thread just had no turn yet.
        return self._associations[connection].idle_since() is not None and not connection.has_unread()

    def _has_room(self, address: str) -> bool:
        """Room for one more association of this address; makes it where somebody is idle."""
        same = {known: other for known, other in self._associations.items() if known.address == address}
        if len(same) >= self._limits.associations_per_address:
            crowd = same
        elif len(self._associations) >= self._limits.associations:
            crowd = self._associations
        else:
            return True
        idlest = self._idlest(crowd)
        if idlest is None:
            return False
        del self._associations[idlest]
        idlest.interrupt()
        return True

    def _idlest(self, crowd: dict[Connection, Occupant]) -> Connection | None:
        now, found, most = time.monotonic(), None, 1.0
        for connection, occupant in crowd.items():
            since = occupant.idle_since()
            patience = self._limits.idle_seconds if occupant.has_worked else self._limits.unused_seconds
            # One who has used up twice its patience goes before one who has just used it up.
            if since is not None and (share := (now - since) / max(patience, 1e-9)) >= most:
                found, most = connection, share
        return found


def _longest_silent(crowd: Iterable[Connection]) -> Connection:
    # One whose bytes lie unread is not silent: its thread just had no turn yet.
    return min(crowd, key=lambda connection: (connection.has_unread(), connection.heard_at))
