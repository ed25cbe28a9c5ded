"""Who makes room for a newcomer."""

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from dicomnet.wire.connection import Connection
from dicomnet.wire.guard import Guard, Limits

Open = Callable[..., Connection]
LIMITS = Limits(
    waiting=6,
    waiting_per_address=3,
    associations=4,
    associations_per_address=3,
    idle_seconds=10,
    unused_seconds=5,
    patience_seconds=0,
)
_port = itertools.count(1)


@pytest.fixture
def opened() -> Iterator[Open]:
    ends: list[socket.socket] = []

    def open_one(address: str = "10.0.0.1", *, says: bytes = b"") -> Connection:
        ours, theirs = socket.socketpair()
        ends.extend([ours, theirs])
        theirs.sendall(says)
        return Connection(ours, address, next(_port))

    yield open_one
    for end in ends:
        end.close()


@dataclass(frozen=True)
class Association:
    """Idle for so long; None is at work."""

    idle_seconds: float | None
    has_worked: bool = True

    def idle_since(self) -> float | None:
        return None if self.idle_seconds is None else time.monotonic() - self.idle_seconds


AT_WORK, IDLE, IDLER, JUST_IDLE = Association(None), Association(60), Association(120), Association(1)


def test_the_longest_silent_one_of_an_address_is_cut_off(opened: Open) -> None:
    guard = Guard(LIMITS)
    connections = [opened() for _ in range(5)]
    for connection in connections:
        guard.enter(connection)
    assert [connection.interrupted for connection in connections] == [True, True, False, False, False]


def test_one_whose_bytes_lie_unread_is_not_silent(opened: Open) -> None:
    guard = Guard(LIMITS)
    connections = [opened(says=b"hello"), opened(), opened(), opened()]
    for connection in connections:
        guard.enter(connection)
    assert [connection.interrupted for connection in connections] == [False, True, False, False]


def test_other_addresses_are_not_touched_by_one_that_floods(opened: Open) -> None:
    guard = Guard(LIMITS)
    first = opened("10.0.0.2")
    guard.enter(first)
    for _ in range(20):
        guard.enter(opened())
    assert not first.interrupted


def test_the_oldest_of_all_goes_when_there_are_too_many(opened: Open) -> None:
    guard = Guard(LIMITS)
    connections = [opened(f"10.0.0.{number}") for number in range(8)]
    for connection in connections:
        guard.enter(connection)
    assert [connection.interrupted for connection in connections] == [True, True] + [False] * 6


def test_who_has_asked_for_an_association_waits_no_more(opened: Open) -> None:
    guard = Guard(LIMITS)
    asked = opened()
    guard.enter(asked)
    assert guard.establish(asked, AT_WORK)
    for _ in range(5):
        guard.enter(opened())
    assert not asked.interrupted


def test_an_association_over_the_limit_is_refused_while_all_are_at_work(opened: Open) -> None:
    guard = Guard(LIMITS)
    for number in range(4):
        assert guard.establish(opened(f"10.0.0.{number}"), AT_WORK)
    assert not guard.establish(opened(), AT_WORK)


def test_an_association_over_the_limit_pushes_out_the_idlest(opened: Open) -> None:
    guard = Guard(LIMITS)
    idle, idler = opened("10.0.0.8"), opened("10.0.0.9")
    assert guard.establish(idle, IDLE)
    assert guard.establish(idler, IDLER)
    for number in range(2):
        assert guard.establish(opened(f"10.0.0.{number}"), AT_WORK)
    assert guard.establish(opened(), AT_WORK)
    assert (idle.interrupted, idler.interrupted) == (False, True)


def test_one_address_cannot_take_all_associations(opened: Open) -> None:
    guard = Guard(LIMITS)
    for _ in range(3):
        assert guard.establish(opened(), AT_WORK)
    assert not guard.establish(opened(), AT_WORK)
    assert guard.establish(opened("10.0.0.2"), AT_WORK)


def test_an_association_that_was_heard_of_lately_stays(opened: Open) -> None:
    guard = Guard(LIMITS)
    for _ in range(3):
        assert guard.establish(opened(), JUST_IDLE)
    assert not guard.establish(opened(), AT_WORK)


def test_an_association_that_was_never_used_goes_sooner(opened: Open) -> None:
    guard = Guard(LIMITS)
    used, unused = opened(), opened()
    assert guard.establish(used, Association(6))
    assert guard.establish(unused, Association(6, has_worked=False))
    assert guard.establish(opened(), AT_WORK)
    assert guard.establish(opened(), AT_WORK)
    assert (used.interrupted, unused.interrupted) == (False, True)


def test_a_newcomer_waits_for_room(opened: Open) -> None:
    guard = Guard(replace(LIMITS, patience_seconds=20))
    leaving = opened()
    for connection in (leaving, opened(), opened()):
        assert guard.establish(connection, AT_WORK)
    timer = threading.Timer(0.05, guard.leave, [leaving])
    timer.start()
    assert guard.establish(opened(), AT_WORK)
    timer.join()


def test_what_has_left_counts_no_more(opened: Open) -> None:
    guard = Guard(LIMITS)
    associated = [opened() for _ in range(3)]
    for connection in associated:
        guard.enter(connection)
        guard.establish(connection, AT_WORK)
    assert guard.count == 3
    guard.leave(associated[0])
    assert guard.establish(opened(), AT_WORK)


def test_a_stop_ends_idle_ones_at_once_and_the_others_after_the_grace(opened: Open) -> None:
    guard = Guard(LIMITS)
    waiting, idle, busy = opened(), opened(), opened()
    guard.enter(waiting)
    guard.establish(idle, JUST_IDLE)
    guard.establish(busy, AT_WORK)
    guard.stop(grace_seconds=0.01)
    assert waiting.interrupted
    assert idle.interrupted
    assert busy.interrupted
    assert not guard.establish(opened(), AT_WORK)
