"""A clock that jumps: nothing is lost, and nothing waits longer than the longest back-off after the clock is right."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from django.utils import timezone

from studies.models import Study, Tier
from tests.tiering.conftest import objects_of
from tests.tiering.damaging import a_month_passes
from tests.tiering.test_moves import before_step, files, go_on, move
from tiering import packs
from tiering.ask import ask_for_move
from tiering.carry_out import work
from tiering.claim import LEASE, LONGEST_BACK_OFF_SECONDS, MoveLost, claim, failed, renew
from tiering.models import Location, Move, MoveState, Pack, ScrubRange
from tiering.scrub import scrub

pytestmark = pytest.mark.django_db
JUMPS = [timedelta(hours=1), timedelta(hours=-1), timedelta(days=1), timedelta(days=-1), timedelta(days=3653)]
by_jump = pytest.mark.parametrize("jump", JUMPS, ids=str)


@contextmanager
def clock(jump: timedelta) -> Iterator[None]:
    """All that asks for the time hears another one."""
    right: Callable[[], datetime] = timezone.now
    with patch.object(timezone, "now", lambda: right() + jump):
        yield


@by_jump
def test_what_failed_is_tried_again(study: Study, cold: Location, jump: timedelta) -> None:
    ask_for_move(study, Tier.COLD, by="test")
    Move.objects.update(attempts=9)  # the longest back-off
    with clock(jump):
        Move.objects.update(next_attempt_at=timezone.now())
        mine = claim()
        assert mine is not None
        failed(mine, "It was not there.", is_final=False)
    found = claim()  # workers look all the time: at once, and a longest back-off later
    with clock(timedelta(seconds=LONGEST_BACK_OFF_SECONDS + 60)):
        assert found or claim() is not None


@by_jump
def test_a_worker_that_is_lost(study: Study, cold: Location, jump: timedelta) -> None:
    ask_for_move(study, Tier.COLD, by="test")
    with clock(jump):
        Move.objects.update(next_attempt_at=min(timezone.now(), Move.objects.get().created_at))
        assert claim() is not None
    with clock(2 * LEASE):
        assert claim() is not None


def test_a_worker_that_is_taken_for_lost_changes_nothing_any_more(study: Study, cold: Location) -> None:
    ask_for_move(study, Tier.COLD, by="test")
    first = claim()
    assert first is not None
    with clock(timedelta(hours=1)):
        second = claim()
        assert second is not None
        with pytest.raises(MoveLost):
            renew(first)
        failed(first, "Late.", is_final=True)
    second.refresh_from_db()
    assert (second.state, second.last_error) == (MoveState.WAITING, "")


@by_jump
def test_in_the_middle_of_a_move(study: Study, cold: Location, jump: timedelta) -> None:
    before = files()
    asked = ask_for_move(study, Tier.COLD, by="test")
    with clock(timedelta(0)):
        jumping = clock(jump)
        with before_step(packs, "_compare", jumping.__enter__):
            work(seconds=20)
        jumping.__exit__(None, None, None)
    go_on()
    asked.refresh_from_db()
    assert (asked.state, files(), len(objects_of(cold))) == (MoveState.DONE, {}, 2)
    move(study, Tier.HOT)
    assert files() == before


def test_what_was_read_in_the_future_is_read_again(study: Study, cold: Location) -> None:
    move(study, Tier.COLD)
    move(study, Tier.HOT)
    a_month_passes()
    with clock(timedelta(days=3653)):
        scrub(seconds=20)
        assert ScrubRange.objects.get().verified_at is not None
    scrub(seconds=20)
    tomorrow = timezone.now() + timedelta(days=1)
    assert not Pack.objects.filter(verified_at__gt=tomorrow).exists()
    assert not ScrubRange.objects.filter(verified_at__gt=tomorrow).exists()
