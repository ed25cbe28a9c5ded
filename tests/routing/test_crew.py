"""A lane at work: urgent things first, as many associations as bring something, no more bytes than allowed."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from routing import deliver, pace
from routing.crew import LOSSES_BEFORE_REST
from routing.deliver import drive
from routing.lanes import waiting_lanes
from routing.models import Delivery, DeliveryState, Destination, Priority
from routing.record import BUSY_BEFORE_REST
from studies.models import Instance
from tests.factories import DeliveryFactory, DestinationFactory, version_of_a_new_rule
from tests.peers import StoringPeer, refused_port, storing_peer
from tests.routing.conftest import Store

pytestmark = pytest.mark.django_db(transaction=True)
PENDING, DELIVERED, DEAD = DeliveryState.PENDING, DeliveryState.DELIVERED, DeliveryState.DEAD


@pytest.fixture(autouse=True)
def _quiet(rung: list[int]) -> None:
    """Nobody else drives the lanes."""


def destination_at(port: int, **columns: Any) -> Destination:
    return DestinationFactory.create(ae_title="PEER", port=port, timeout_seconds=5, **columns)


def due(instances: list[Instance], destination: Destination, **columns: Any) -> None:
    version = version_of_a_new_rule()
    for instance in instances:
        DeliveryFactory.create(instance=instance, destination=destination, rule_version=version, **columns)


def count(destination: Destination, state: str) -> int:
    return Delivery.objects.filter(destination=destination, state=state).count()


def wait_until(is_true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Driver(threading.Thread):
    """Drives a lane in a thread, again and again, as a worker does."""

    def __init__(self, destination: Destination) -> None:
        super().__init__(daemon=True)
        self._destination = destination
        self._stop_now = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            while not self._stop_now.is_set():
                drive(self._destination.pk)
                self._stop_now.wait(0.05)
        finally:
            connection.close()

    def end(self) -> None:
        self._stop_now.set()
        self.join(60)
        assert not self.is_alive()


def test_what_is_urgent_cuts_a_long_batch_short_and_nothing_is_sent_twice(store: Store) -> None:
    with storing_peer(delay_seconds=0.2) as storing:
        destination = destination_at(storing.port, maximum_associations=1, batch_size=100)
        routine, stat = [store() for _ in range(30)], [store() for _ in range(2)]
        due(routine, destination)
        driver = Driver(destination)
        wait_until(lambda: len(storing.calls) >= 3)
        before = len(storing.calls)
        due(stat, destination, priority=Priority.STAT)
        urgent = [instance.sop_instance_uid for instance in stat]
        wait_until(lambda: set(urgent) <= set(storing.calls))
        # A tick to see it, the instance that is being sent, and the one that was ready.
        assert storing.calls.index(urgent[-1]) - before < 12
        wait_until(lambda: count(destination, DELIVERED) == 32, 60)
        driver.end()
    assert len(storing.calls) == 32
    assert set(Delivery.objects.values_list("attempts", flat=True)) == {1}
    assert storing.associations >= 2


def test_what_is_urgent_gets_an_association_of_its_own_beside_a_long_one(store: Store) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port, maximum_associations=2)
        long, urgent = store(), store()
        storing.hold = {long.sop_instance_uid}
        due([long], destination)
        driver = Driver(destination)
        wait_until(lambda: long.sop_instance_uid in storing.calls)
        due([urgent], destination, priority=Priority.STAT)
        wait_until(lambda: urgent.sop_instance_uid in storing.received)
        assert long.sop_instance_uid not in storing.received
        storing.let_go.set()
        wait_until(lambda: count(destination, DELIVERED) == 2)
        driver.end()


def test_more_associations_are_opened_while_they_bring_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "MEASURE_SECONDS", 1.0)
    with storing_peer(delay_seconds=0.05) as storing:
        destination = destination_at(storing.port, maximum_associations=3, batch_size=10)
        instances = [store() for _ in range(150)]
        due(instances, destination)
        driver = Driver(destination)
        wait_until(lambda: storing.most_at_once >= 2)
        wait_until(lambda: count(destination, DELIVERED) == 150, 60)
        driver.end()
        assert storing.most_at_once <= 3
    assert len(storing.calls) == 150


def test_a_peer_that_takes_one_association_gets_one_and_is_not_rested(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MEASURE_SECONDS", 0.5)
    with storing_peer(delay_seconds=0.05, maximum_at_once=1) as storing:
        destination = destination_at(storing.port, maximum_associations=4)
        due([store() for _ in range(60)], destination)
        driver = Driver(destination)
        wait_until(lambda: count(destination, DELIVERED) == 60, 60)
        driver.end()
    assert storing.associations > storing.refused > 0
    destination.refresh_from_db()
    assert destination.failures_in_a_row == 0
    assert len(storing.calls) == 60


def test_a_limit_of_bytes_holds_over_all_associations(store: Store) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port, maximum_associations=3)
        instances = [store() for _ in range(12)]
        size = instances[0].size_bytes
        Destination.objects.update(maximum_bytes_per_second=size * 4)
        due(instances, destination)
        began = time.monotonic()
        driver = Driver(destination)
        wait_until(lambda: count(destination, DELIVERED) == 12)
        seconds = time.monotonic() - began
        driver.end()
    # Eleven are paid for before the twelfth goes, less the one second that may be saved up.
    assert seconds > 11 / 4 - 1.1


def test_outside_of_its_window_only_what_is_urgent_goes(store: Store) -> None:
    now = timezone.localtime(timezone.now())
    shut = {"window_begins_at": (now + timedelta(hours=2)).time(), "window_ends_at": (now + timedelta(hours=3)).time()}
    with storing_peer() as storing:
        destination = destination_at(storing.port, **shut)
        due([store() for _ in range(3)], destination)
        assert waiting_lanes() == []
        assert drive(destination.pk) == 0
        due([store()], destination, priority=Priority.STAT)
        assert waiting_lanes() == [destination.pk]
        assert drive(destination.pk) == 1
        Destination.objects.update(window_begins_at=None, window_ends_at=None)
        assert drive(destination.pk) == 3


def test_a_hold_stops_a_long_batch_and_keeps_the_rest(store: Store) -> None:
    with storing_peer(delay_seconds=0.1) as storing:
        destination = destination_at(storing.port, maximum_associations=1)
        due([store() for _ in range(40)], destination)
        driver = Driver(destination)
        wait_until(lambda: len(storing.calls) >= 2)
        Destination.objects.update(is_enabled=False)
        wait_until(lambda: not Destination.objects.get().lane_token)
        driver.end()
    delivered = count(destination, DELIVERED)
    assert delivered == len(storing.received) < 40
    assert count(destination, PENDING) == 40 - delivered


def test_a_drive_ends_in_time_in_the_middle_of_a_batch(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliver, "DRIVE_SECONDS", 3.0)
    with storing_peer(delay_seconds=0.1) as storing:
        destination = destination_at(storing.port, maximum_associations=1)
        due([store() for _ in range(120)], destination)
        sent = drive(destination.pk)
    assert 0 < sent < 120
    assert count(destination, DELIVERED) == sent
    assert waiting_lanes() == [destination.pk]


def test_a_peer_without_room_rests_before_it_is_sent_everything(store: Store) -> None:
    with storing_peer(statuses=[0xA700] * 100) as storing:
        destination = destination_at(storing.port)
        due([store() for _ in range(30)], destination)
        drive(destination.pk)
        assert BUSY_BEFORE_REST <= len(storing.calls) < 30
    destination.refresh_from_db()
    assert destination.paused_until is not None
    assert "0xA700" in destination.last_error
    assert set(Delivery.objects.values_list("state", flat=True)) == {PENDING}


@pytest.mark.parametrize("is_there", [True, False])
def test_after_a_rest_an_echo_comes_before_any_instance(store: Store, is_there: bool) -> None:
    port = refused_port()
    with storing_peer(port=port if is_there else 0) as storing:
        destination = destination_at(port, paused_until=timezone.now() - timedelta(seconds=1), failures_in_a_row=2)
        due([store()], destination)
        assert waiting_lanes() == [destination.pk]
        assert drive(destination.pk) == int(is_there)
        if is_there:
            assert storing.associations == 2  # the echo's, and the instance's
    destination.refresh_from_db()
    if is_there:
        assert (destination.paused_until, destination.failures_in_a_row) == (None, 0)
    else:
        assert destination.failures_in_a_row == 3
        assert Delivery.objects.get().attempts == 0


def test_a_peer_that_stores_and_does_not_echo_is_there(store: Store) -> None:
    with storing_peer(does_not_echo=True) as storing:
        destination = destination_at(storing.port, paused_until=timezone.now() - timedelta(seconds=1))
        due([store()], destination)
        assert drive(destination.pk) == 1


def test_a_resting_peer_is_probed_though_nothing_waits(store: Store) -> None:
    with storing_peer() as storing:
        destination = destination_at(storing.port, paused_until=timezone.now() - timedelta(seconds=1))
        assert waiting_lanes() == [destination.pk]
        drive(destination.pk)
        assert waiting_lanes() == []
    destination.refresh_from_db()
    assert destination.paused_until is None


def test_a_probe_that_finds_it_does_not_forget_the_failures(store: Store) -> None:
    with storing_peer(rejection=None) as storing:
        instances = [store() for _ in range(2)]
        destination = destination_at(
            storing.port, paused_until=timezone.now() - timedelta(seconds=1), failures_in_a_row=LOSSES_BEFORE_REST
        )
        due(instances, destination)
        storing.abort_at = instances[0].sop_instance_uid
        drive(destination.pk)
    destination.refresh_from_db()
    assert destination.paused_until is not None
    assert destination.failures_in_a_row == LOSSES_BEFORE_REST + 1


def test_every_batch_has_its_association_in_ledger_and_log(
    store: Store, caplog: pytest.LogCaptureFixture, peer: StoringPeer
) -> None:
    destination = destination_at(peer.port, batch_size=2)
    instances = [store() for _ in range(4)]
    due(instances, destination)
    with caplog.at_level("INFO", "routing.crew"):
        assert drive(destination.pk) == 4
    logged = [record.association for record in caplog.records if record.message == "delivered"]  # type: ignore[attr-defined]
    in_ledger = list(Delivery.objects.order_by("pk").values_list("association", flat=True))
    assert in_ledger == [logged[0], logged[0], logged[1], logged[1]]
    sizes = {instance.size_bytes - instance.data_set_offset for instance in instances}
    assert set(Delivery.objects.values_list("sent_bytes", flat=True)) == sizes


@pytest.fixture
def peer() -> Any:
    with storing_peer() as storing:
        yield storing
