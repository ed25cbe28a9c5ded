"""How fast a move goes: what comes in goes first, and does not stop it."""

import time
from itertools import pairwise
from types import SimpleNamespace

import pytest

from studies.dimse import local_spool
from tests.retrieving import index, keep_study
from tiering import pace
from tiering.pace import BEAT_SECONDS, LONGEST_WORK_SECONDS, WAITS_TIMES, MovePacer, instances_come_in


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that goes on by sleeping alone."""
    found = SimpleNamespace(now=0.0)
    found.monotonic = lambda: found.now
    found.sleep = lambda seconds: setattr(found, "now", found.now + seconds)
    monkeypatch.setattr(pace, "time", found)
    return found


def test_it_goes_on_for_a_part_of_the_time_while_instances_come_in(clock: SimpleNamespace) -> None:
    paced = MovePacer(None, lambda _: None, gives_way_to=lambda: True)
    for _ in range(100):
        clock.now += 0.2  # of work
        paced.passes(1)
    assert clock.now == pytest.approx(100 * 0.2 * (1 + WAITS_TIMES), rel=0.2)


def test_it_goes_on_at_once_when_they_have_come(clock: SimpleNamespace) -> None:
    busy = [True, True, False]
    paced = MovePacer(None, lambda _: None, gives_way_to=lambda: busy.pop(0))
    clock.now += 1
    paced.passes(1)
    assert busy == []
    assert clock.now == pytest.approx(1 + 2 * pace.LOOK_SECONDS)


def test_it_keeps_its_lease_meanwhile(clock: SimpleNamespace) -> None:
    beaten: list[float] = []
    paced = MovePacer(None, lambda _: beaten.append(clock.now), gives_way_to=lambda: True)
    for _ in range(300):
        clock.now += 0.2
        paced.passes(1)
    gaps = [later - earlier for earlier, later in pairwise(beaten)]
    assert max(gaps) < BEAT_SECONDS + 0.2 + WAITS_TIMES * LONGEST_WORK_SECONDS


@pytest.mark.django_db
def test_what_came_in_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_study()
    index()
    assert local_spool().changed_at() == pytest.approx(time.time(), abs=60)
    monkeypatch.setattr(pace, "LATELY_SECONDS", 3600)
    assert instances_come_in()
    monkeypatch.setattr(pace, "LATELY_SECONDS", 0)
    assert not instances_come_in()
