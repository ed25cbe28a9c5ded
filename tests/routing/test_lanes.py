"""Lanes: one driver at a time, a breaker that opens and closes, and clocks that jump."""

import threading
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from routing import lanes
from routing.claim import claim
from routing.lanes import Lane, lane, record_failure, record_success, waiting_lanes
from routing.models import Delivery, DeliveryState, Destination
from tests.factories import DeliveryFactory, DestinationFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def destination(rung: list[int]) -> Destination:
    return DestinationFactory.create()


def can_drive(destination: Destination) -> bool:
    with lane(destination.pk) as held:
        return held is not None


def test_one_worker_at_a_time_drives_a_lane(destination: Destination) -> None:
    other = DestinationFactory.create()
    with lane(destination.pk) as held:
        assert held is not None
        assert held.destination == destination
        assert not can_drive(destination)
        assert can_drive(other)
    assert can_drive(destination)


def test_a_lane_is_free_again_after_an_error(destination: Destination) -> None:
    with pytest.raises(RuntimeError), lane(destination.pk):
        raise RuntimeError
    assert can_drive(destination)


def test_a_lane_whose_driver_died_is_free_after_its_time(destination: Destination) -> None:
    Destination.objects.update(lane_token="dead", lane_until=timezone.now() + timedelta(seconds=5))
    assert not can_drive(destination)
    Destination.objects.update(lane_until=timezone.now() - timedelta(seconds=1))
    assert can_drive(destination)


def test_a_driver_that_lost_its_lane_frees_nothing(destination: Destination) -> None:
    with lane(destination.pk):
        Destination.objects.update(lane_token="another", lane_until=timezone.now() + timedelta(seconds=20))
    destination.refresh_from_db()
    assert destination.lane_token == "another"


def test_a_disabled_destination_and_one_that_is_gone_are_not_driven(destination: Destination) -> None:
    Destination.objects.update(is_enabled=False)
    assert not can_drive(destination)
    destination.delete()
    with lane(10**6) as held:
        assert held is None


def test_a_pause_doubles_up_to_a_minute_and_ends_with_a_success(destination: Destination) -> None:
    for seconds in (5, 10, 20, 40, 60, 60, 60):
        record_failure(destination, "away", rest=True)
        destination.refresh_from_db()
        assert destination.paused_until is not None
        pause = (destination.paused_until - timezone.now()).total_seconds()
        assert seconds - 2 < pause <= seconds
        assert not can_drive(destination)
    assert (destination.failures_in_a_row, destination.last_error) == (7, "away")
    record_success(destination)
    destination.refresh_from_db()
    assert (destination.failures_in_a_row, destination.paused_until, destination.last_error) == (0, None, "")
    assert can_drive(destination)


def test_a_failure_that_needs_no_rest_is_noted_only(destination: Destination) -> None:
    record_failure(destination, "x" * 999, rest=False)
    destination.refresh_from_db()
    assert (destination.failures_in_a_row, len(destination.last_error)) == (1, 300)
    assert can_drive(destination)


@pytest.mark.parametrize(("asked", "given"), [(0, 5), (3, 5), (30, 30), (3600, 60)])
def test_a_peer_that_asks_to_be_left_alone_gets_up_to_a_minute(
    destination: Destination, asked: float, given: float
) -> None:
    record_failure(destination, "busy", rest=True, asked_seconds=asked)
    destination.refresh_from_db()
    assert destination.paused_until is not None
    assert given - 2 < (destination.paused_until - timezone.now()).total_seconds() <= given


def test_a_pause_that_is_over_is_over(destination: Destination) -> None:
    Destination.objects.update(paused_until=timezone.now() - timedelta(seconds=1))
    assert can_drive(destination)


@pytest.mark.parametrize("column", ["paused_until", "lane_until"])
def test_a_moment_from_a_clock_that_was_set_back_does_not_count(destination: Destination, column: str) -> None:
    Destination.objects.update(lane_token="x", **{column: timezone.now() + timedelta(days=1)})
    assert can_drive(destination)


def test_lanes_that_have_something_due_are_waiting(destination: Destination) -> None:
    DeliveryFactory.create(destination=destination)
    later, off, resting, done = (DestinationFactory.create() for _ in range(4))
    DeliveryFactory.create(destination=later, next_attempt_at=timezone.now() + timedelta(seconds=60))
    DeliveryFactory.create(destination=done, is_delivered=True)
    for other in (off, resting):
        DeliveryFactory.create(destination=other)
    Destination.objects.filter(pk=off.pk).update(is_enabled=False)
    record_failure(resting, "away", rest=True)
    assert waiting_lanes() == [destination.pk]
    with lane(destination.pk):
        assert waiting_lanes() == []


def test_leases_are_renewed_while_the_lane_is_driven(destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    mine, orphan = (
        DeliveryFactory.create(destination=destination),
        DeliveryFactory.create(destination=destination, is_sending=True),
    )
    before = timezone.now() + timedelta(seconds=3)
    with lane(destination.pk) as held:
        assert held is not None
        claim(destination, token=held.new_batch(), limit=1)
        Delivery.objects.update(lease_until=before)
        held.renew()
        mine.refresh_from_db()
        orphan.refresh_from_db()
        assert mine.lease_until is not None
        assert mine.lease_until > before
        assert orphan.lease_until == before  # whoever held it is not here any more


def test_a_driver_that_lost_its_lane_renews_nothing(destination: Destination) -> None:
    DeliveryFactory.create(destination=destination)
    with lane(destination.pk) as held:
        assert held is not None
        claim(destination, token=held.new_batch(), limit=1)
        before = Delivery.objects.get().lease_until
        Destination.objects.update(lane_token="another")
        held.renew()
        assert Delivery.objects.get().lease_until == before


def test_one_renewal_that_fails_is_not_the_last(destination: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    again = threading.Event()

    def renew(held: Lane) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("database is locked")
        again.set()

    monkeypatch.setattr(lanes, "RENEW_SECONDS", 0.01)
    monkeypatch.setattr(Lane, "renew", renew)
    with lane(destination.pk):
        assert again.wait(5)
    assert Delivery.objects.filter(state=DeliveryState.SENDING).count() == 0
