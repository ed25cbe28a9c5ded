"""Bad destinations beside a healthy one: each gets its verdict, and the healthy one keeps its rate (F15)."""

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from gateway.supervisor.processes import DELIVER_THREADS
from routing import lanes, queue
from routing.deliver import drive
from routing.events import deliveries_due
from routing.ledger import accounts
from routing.models import Delivery, Destination
from routing.tasks import sweep
from tests.factories import DeliveryFactory, DestinationFactory, version_of_a_new_rule
from tests.faults.bad_destinations import Bad, bad_destinations
from tests.peers import storing_peer
from tests.routing.conftest import Store

pytestmark = pytest.mark.django_db(transaction=True)
SAMPLE = [
    "refused",
    "black hole before the connection",
    "black hole in the middle of a PDU",
    "accepts and says nothing",
    "rejects the caller",
    "A900",
    "releases without an answer",
]
HEALTHY_SECONDS = 0.02  # an instance takes a real archive as long, so that the rate is the lane's and not the CPU's


class Worker:
    """The worker that delivers, as threads of this process: its tasks, as many threads, and the beat."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(DELIVER_THREADS)
        self._is_over = threading.Event()
        self._beat = threading.Thread(target=self._sweep)
        self.errors: list[BaseException] = []

    def _sweep(self) -> None:
        try:
            while not self._is_over.wait(0.5):
                sweep()
        finally:
            connection.close()

    def _hear(self, destination_pk: int, **kwargs: Any) -> None:
        if not self._is_over.is_set():
            self._pool.submit(self._drive, destination_pk)

    def _drive(self, destination_pk: int) -> None:
        try:
            drive(destination_pk)
        except Exception as error:  # noqa: BLE001 (the test fails with whatever it is)
            self.errors.append(error)
        finally:
            connection.close()

    @contextmanager
    def working(self) -> Iterator[None]:
        deliveries_due.connect(self._hear)
        self._beat.start()
        try:
            yield
        finally:
            Destination.objects.update(is_enabled=False)  # what is under way is cut
            self._is_over.set()
            self._beat.join()
            self._pool.shutdown()
            deliveries_due.disconnect(self._hear)
        assert self.errors == []


def wait_for(destination: Destination, states: frozenset[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while (found := set(of(destination))) - states:
        assert time.monotonic() < deadline, (destination.name, found)
        time.sleep(0.05)


def of(destination: Destination) -> list[str]:
    return list(Delivery.objects.filter(destination=destination).values_list("state", flat=True))


def fill(store: Store, destinations: Sequence[Destination], count: int) -> None:
    version = version_of_a_new_rule()
    instances = [store() for _ in range(count)]
    for destination in destinations:
        for instance in instances:
            DeliveryFactory.create(instance=instance, destination=destination, rule_version=version)


def rate_of(healthy: Destination, count: int) -> float:
    """Instances a second, once its deliveries are there."""
    began = time.monotonic()
    wait_for(healthy, frozenset({"delivered"}), 120)
    return count / (time.monotonic() - began)


def rates(store: Store, chosen: Sequence[Bad], count: int, settle_seconds: float) -> tuple[float, float]:
    """The healthy destination's rate alone, and beside the bad ones; checks what became of these."""
    with storing_peer(delay_seconds=HEALTHY_SECONDS) as storing:
        columns = {"ae_title": "PEER", "timeout_seconds": 5}
        alone = DestinationFactory.create(port=storing.port, maximum_associations=1, **columns)
        with Worker().working():
            fill(store, [alone], count)
            without = rate_of(alone, count)
        beside = DestinationFactory.create(port=storing.port, maximum_associations=1, **columns)
        bad = {each.name: DestinationFactory.create(port=each.port, **columns, **each.columns) for each in chosen}
        with Worker().working():
            fill(store, list(bad.values()), count)
            time.sleep(3)  # they are in the middle of what is bad about them
            fill(store, [beside], count)
            with_them = rate_of(beside, count)
            for each in chosen:
                wait_for(bad[each.name], each.ends, settle_seconds)
        assert len(storing.received) == 2 * count
    for account in accounts():
        assert account.is_balanced
        assert account.acknowledged == count
    for each in chosen:
        waiting = Delivery.objects.filter(destination=bad[each.name], state="pending")
        if waiting.exists():  # why is told: of the destination, or of what it refused
            is_told = Destination.objects.get(pk=bad[each.name].pk).last_error or waiting.exclude(last_error="")
            assert is_told, each.name
    return without, with_them


@pytest.fixture(autouse=True)
def _impatient(rung: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and back-offs of a test's length."""
    monkeypatch.setattr(queue, "FIRST_BACK_OFF_SECONDS", 0.5)
    monkeypatch.setattr(lanes, "FIRST_PAUSE_SECONDS", 1)
    logging.getLogger("routing").setLevel(logging.ERROR)


def test_some_bad_destinations_cost_a_healthy_one_little(store: Store) -> None:
    with bad_destinations() as every:
        without, beside = rates(store, [every[name] for name in SAMPLE], 40, 60)
    assert beside >= 0.6 * without


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_all_bad_destinations_cost_a_healthy_one_at_most_a_fifth(store: Store) -> None:
    with bad_destinations() as every:
        without, beside = rates(store, list(every.values()), 200, 300)
    assert beside >= 0.8 * without
