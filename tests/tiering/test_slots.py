"""A location lets so many moves in at once, whoever carries them out."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from studies.models import Study, Tier
from tests.factories import PackFactory, StudyFactory
from tests.tiering.test_moves import claimed, go_on, move
from tiering import claim
from tiering.ask import ask_for_move
from tiering.carry_out import carry_out
from tiering.models import Location, LocationSlot, Move, MoveState
from tiering.slots import LocationFull, take_places

pytestmark = pytest.mark.django_db


@pytest.fixture
def narrow(cold: Location) -> Location:
    """One move at once."""
    Location.objects.update(max_parallel=1)
    cold.refresh_from_db()
    return cold


def another(tier: str = Tier.COLD) -> Move:
    """A claimed move of another study."""
    study = StudyFactory.create(completed_at=timezone.now())
    ask_for_move(study, tier, by="test", priority=1)
    return claimed()


class TestFull:
    def test_a_move_waits_without_counting_it_as_an_attempt(self, study: Study, narrow: Location) -> None:
        first = another()
        take_places(first)
        asked = ask_for_move(study, Tier.COLD, by="test")
        second = claimed()
        assert second == asked
        carry_out(second)
        asked.refresh_from_db()
        assert (asked.state, asked.attempts, asked.lease_token) == (MoveState.WAITING, 0, "")
        assert "It waits for a place at cold, where 1 move may work at once." in asked.last_error
        assert timezone.now() < asked.next_attempt_at < timezone.now() + timedelta(seconds=11)
        claim.release(first, state=MoveState.CANCELLED)
        go_on()
        asked.refresh_from_db()
        assert (asked.state, asked.last_error) == (MoveState.DONE, "")

    def test_moves_of_policies_look_again_later(self, study: Study, narrow: Location) -> None:
        take_places(another())
        asked = ask_for_move(study, Tier.COLD, by="policy x", priority=5)
        carry_out(claimed())
        asked.refresh_from_db()
        assert asked.next_attempt_at > timezone.now() + timedelta(seconds=30)

    def test_a_worker_that_is_lost_keeps_no_place(self, narrow: Location) -> None:
        lost = another()
        take_places(lost)
        Move.objects.filter(pk=lost.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        Move.objects.filter(pk=lost.pk).update(next_attempt_at=timezone.now() + timedelta(hours=1))
        study = StudyFactory.create(completed_at=timezone.now())
        ask_for_move(study, Tier.COLD, by="test")
        second = claim.claim()
        assert second is not None
        take_places(second)

    def test_the_same_move_has_one_place(self, narrow: Location) -> None:
        one = another()
        take_places(one)
        take_places(one)
        assert LocationSlot.objects.count() == 1

    def test_places_are_used_again(self, study: Study, narrow: Location) -> None:
        for _ in range(3):
            one = another()
            take_places(one)
            claim.release(one, state=MoveState.CANCELLED)
        assert LocationSlot.objects.count() == 1

    def test_a_limit_that_was_lowered_counts_what_is_under_way(self, narrow: Location) -> None:
        Location.objects.update(max_parallel=3)
        moves = [another() for _ in range(3)]
        for one in moves:
            take_places(one)
        Location.objects.update(max_parallel=1)
        claim.release(moves[0], state=MoveState.CANCELLED)
        with pytest.raises(LocationFull):
            take_places(another())


class TestWhich:
    def test_without_a_limit_there_are_no_places(self, cold: Location) -> None:
        for _ in range(3):
            take_places(another())
        assert not LocationSlot.objects.exists()

    def test_a_recall_needs_one_where_it_reads(self, narrow: Location) -> None:
        take_places(another())
        away = StudyFactory.create(tier=Tier.COLD, completed_at=timezone.now())
        PackFactory.create(study=away, location=narrow)
        ask_for_move(away, Tier.HOT, by="test", priority=1)
        with pytest.raises(LocationFull):
            take_places(claimed())

    def test_what_reads_elsewhere_needs_none(self, narrow: Location) -> None:
        take_places(another())
        away = StudyFactory.create(tier=Tier.COLD, completed_at=timezone.now())
        PackFactory.create(study=away)
        ask_for_move(away, Tier.HOT, by="test", priority=1)
        take_places(claimed())

    def test_from_cold_to_archive_both_count(self, study: Study, narrow: Location, archive: Location) -> None:
        Location.objects.update(max_parallel=1)
        move(study, Tier.COLD)
        ask_for_move(study, Tier.ARCHIVE, by="test", priority=1)
        take_places(claimed())
        assert set(LocationSlot.objects.values_list("location__name", flat=True)) == {"cold", "archive"}


@pytest.mark.django_db(transaction=True)
def test_of_workers_at_the_same_moment_no_more_than_the_limit_get_in(narrow: Location) -> None:
    Location.objects.update(max_parallel=2)
    moves = [another() for _ in range(6)]
    start = Barrier(len(moves))

    def try_it(one: Move) -> bool:
        start.wait()
        try:
            take_places(one)
        except LocationFull:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(len(moves)) as pool:
        got_in = sum(pool.map(try_it, moves))
    assert got_in == 2
