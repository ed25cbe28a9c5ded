"""The ledger as a queue: one holder at a time, nothing lost, nothing that waits for ever."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from routing import queue
from routing.claim import claim
from routing.models import Delivery, DeliveryState, Destination
from routing.queue import Receipt
from tests.factories import DeliveryFactory, DestinationFactory, InstanceFactory, RuleFactory

PENDING, SENDING, DELIVERED = DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.DELIVERED
DEAD, CANCELLED = DeliveryState.DEAD, DeliveryState.CANCELLED


@pytest.fixture
def destination(db: None, rung: list[int]) -> Destination:
    return DestinationFactory.create()


def pending(destination: Destination, count: int = 1, **columns: Any) -> list[Delivery]:
    return [DeliveryFactory.create(destination=destination, **columns) for _ in range(count)]


def expire() -> None:
    Delivery.objects.filter(state=SENDING).update(lease_until=timezone.now() - timedelta(seconds=1))


def state(delivery: Delivery) -> str:
    delivery.refresh_from_db()
    return delivery.state


def test_a_claim_takes_the_urgent_and_old_ones_first(destination: Destination) -> None:
    now = timezone.now()
    third = DeliveryFactory.create(destination=destination, priority=3, next_attempt_at=now - timedelta(seconds=9))
    second = DeliveryFactory.create(destination=destination, priority=2, next_attempt_at=now - timedelta(seconds=1))
    first = DeliveryFactory.create(destination=destination, priority=2, next_attempt_at=now - timedelta(seconds=5))
    DeliveryFactory.create(destination=destination, priority=1, next_attempt_at=now + timedelta(seconds=5))
    DeliveryFactory.create(priority=1)
    assert claim(destination, token="a", limit=2) == [first, second]
    assert claim(destination, token="b", limit=2) == [third]
    assert claim(destination, token="c", limit=2) == []
    first.refresh_from_db()
    assert (first.state, first.lease_token, first.attempts) == (SENDING, "a", 1)
    assert first.lease_until is not None
    assert first.lease_until > now


def test_only_the_holder_may_finish(destination: Destination) -> None:
    (delivery,) = pending(destination)
    claim(destination, token="old", limit=1)
    expire()
    queue.take_back_expired_leases()
    assert queue.finish_delivered("old", {delivery.pk: Receipt(0)}) == 0
    claim(destination, token="new", limit=1)
    assert queue.finish_delivered("old", {delivery.pk: Receipt(0)}) == 0
    queue.finish_failed("old", delivery.pk, status=0xA900, error="late", is_permanent=True)
    queue.give_back("old", error="late", at=timezone.now())
    queue.renew(["old"])
    assert state(delivery) == SENDING
    assert queue.finish_delivered("new", {delivery.pk: Receipt(0xB000)}) == 1
    assert state(delivery) == DELIVERED
    assert (delivery.last_status, delivery.lease_token, delivery.lease_until) == (0xB000, "", None)
    assert delivery.delivered_at is not None


def test_a_failure_waits_and_a_permanent_one_is_dead(destination: Destination) -> None:
    one, two = pending(destination, 2)
    claim(destination, token="a", limit=2)
    queue.finish_failed("a", one.pk, status=0xA700, error="0xA700 Out of resources", is_permanent=False)
    queue.finish_failed("a", two.pk, status=0xA900, error="x" * 999, is_permanent=True)
    assert (state(one), state(two)) == (PENDING, DEAD)
    assert one.next_attempt_at > timezone.now()
    assert (one.last_status, one.last_error) == (0xA700, "0xA700 Out of resources")
    assert len(two.last_error) == 300


def test_what_is_too_old_is_given_up(destination: Destination) -> None:
    old = timezone.now() - queue.GIVE_UP_AFTER - timedelta(minutes=1)
    failed, unsent = pending(destination, 2, queued_at=old)
    claim(destination, token="a", limit=2)
    queue.finish_failed("a", failed.pk, status=0xA700, error="full", is_permanent=False)
    queue.give_back("a", error="away", at=timezone.now())
    assert (state(failed), state(unsent)) == (DEAD, DEAD)
    assert unsent.last_error == "away"


def test_back_off_grows_within_its_bounds() -> None:
    for attempts in (0, 1, 2, 5, 10, 100, 10_000):
        longest = min(5 * 2 ** min(attempts, 16), 900)
        found = [queue.back_off(attempts).total_seconds() for _ in range(200)]
        assert min(found) >= 2.5
        assert max(found) <= longest
        assert max(found) > longest * 0.8


def test_a_lost_worker_costs_its_lease(destination: Destination) -> None:
    (delivery,) = pending(destination)
    claim(destination, token="a", limit=1)
    assert queue.take_back_expired_leases() == 0
    expire()
    assert queue.take_back_expired_leases() == 1
    assert state(delivery) == PENDING
    assert (delivery.lost_leases, delivery.lease_token) == (1, "")
    assert "lost" in delivery.last_error


def test_what_kills_its_worker_is_taken_alone_and_set_aside_the_third_time(destination: Destination) -> None:
    poison, *others = pending(destination, 4)
    for turn in range(3):
        held = claim(destination, token=f"t{turn}", limit=10)
        assert poison in held
        if turn:
            assert held == [poison]
        expire()
        queue.take_back_expired_leases()
        if turn == 0:
            for other in others:
                assert claim(destination, token="o", limit=10) != []
                held_others = Delivery.objects.filter(lease_token="o")
                assert held_others.count() == 1
                poisoned = held_others.filter(pk=poison.pk)
                if poisoned:
                    poisoned.update(state=PENDING, lease_token="", lease_until=None)
                else:
                    queue.finish_delivered("o", {held_others.get().pk: Receipt(0)})
                assert other.pk
            claim(destination, token="o", limit=10)
            Delivery.objects.filter(lease_token="o").update(state=PENDING, lease_token="", lease_until=None)
            Delivery.objects.exclude(pk=poison.pk).update(state=DELIVERED)
    assert state(poison) == DEAD
    assert "3 times" in poison.last_error


def test_those_before_a_suspect_are_taken_without_it(destination: Destination) -> None:
    now = timezone.now()
    rows = [
        DeliveryFactory.create(destination=destination, next_attempt_at=now - timedelta(seconds=9 - number))
        for number in range(4)
    ]
    Delivery.objects.filter(pk=rows[2].pk).update(lost_leases=1)
    assert claim(destination, token="a", limit=10) == rows[:2]
    assert claim(destination, token="b", limit=10) == [rows[2]]
    assert claim(destination, token="c", limit=10) == [rows[3]]


def test_a_lease_from_a_clock_that_was_set_back_is_over(destination: Destination) -> None:
    (delivery,) = pending(destination)
    claim(destination, token="a", limit=1)
    Delivery.objects.update(lease_until=timezone.now() + timedelta(days=1))
    assert queue.take_back_expired_leases() == 1
    assert state(delivery) == PENDING


def test_an_attempt_in_the_far_future_is_pulled_in(destination: Destination) -> None:
    far, near = pending(destination, 2)
    soon = timezone.now() + timedelta(seconds=60)
    Delivery.objects.filter(pk=far.pk).update(next_attempt_at=timezone.now() + timedelta(days=3650))
    Delivery.objects.filter(pk=near.pk).update(next_attempt_at=soon)
    assert queue.pull_in_far_attempts() == 1
    far.refresh_from_db()
    near.refresh_from_db()
    assert far.next_attempt_at <= timezone.now() + timedelta(seconds=queue.LONGEST_BACK_OFF_SECONDS)
    assert near.next_attempt_at == soon


def test_retry_cancel_and_replay(destination: Destination) -> None:
    study = InstanceFactory.create().series.study
    rows = {
        name: DeliveryFactory.create(
            destination=destination, instance=InstanceFactory.create(series__study=study), state=name
        )
        for name in (PENDING, DELIVERED, DEAD, CANCELLED)
    }
    everything = Delivery.objects.all()
    assert queue.cancel(everything) == 2
    assert [state(row) for row in rows.values()] == [CANCELLED, DELIVERED, CANCELLED, CANCELLED]
    assert queue.retry(everything) == 3
    assert [state(row) for row in rows.values()] == [PENDING, DELIVERED, PENDING, PENDING]
    assert queue.replay(study, destinations=[DestinationFactory.create()]) == 0
    assert queue.replay(study) == 4
    assert {state(row) for row in rows.values()} == {PENDING}
    assert rows[DELIVERED].delivered_at is None


def test_what_is_being_sent_is_neither_cancelled_nor_retried(destination: Destination) -> None:
    (delivery,) = pending(destination)
    claim(destination, token="a", limit=1)
    assert queue.cancel(Delivery.objects.all()) == 0
    assert queue.retry(Delivery.objects.all()) == 0
    assert queue.replay(delivery.instance.series.study) == 0
    assert queue.finish_delivered("a", {delivery.pk: Receipt(0)}) == 1


def test_deliveries_are_added_once(destination: Destination) -> None:
    version = RuleFactory.create(to=[destination]).versions.get()
    instance = InstanceFactory.create()
    for _ in range(2):
        queue.add_deliveries(version, [(instance.pk, destination.pk)])
    assert Delivery.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_each_holds_what_the_other_does_not(rung: list[int]) -> None:
    destination = DestinationFactory.create()
    pending(destination, 60)
    barrier = threading.Barrier(4)
    held: dict[str, list[int]] = {}

    def work(token: str) -> None:
        barrier.wait()
        held[token] = []
        while taken := claim(destination, token=f"{token}{len(held[token])}", limit=7):
            held[token] += [delivery.pk for delivery in taken]
        connection.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [pk for pks in held.values() for pk in pks]
    assert len(taken) == len(set(taken))
    # A worker whose rows were all taken by another between its two steps sees an empty claim, and goes.
    left = Delivery.objects.filter(state=PENDING).count()
    assert len(taken) + left == 60
    assert Delivery.objects.filter(attempts=1).count() == len(taken)


class LeaseMachine(RuleBasedStateMachine):
    """Workers that claim, finish, fail, vanish and come back late, while people retry and cancel."""

    def __init__(self) -> None:
        super().__init__()
        Delivery.objects.all().delete()
        self.destination = Destination.objects.first() or DestinationFactory.create()
        self.acked = 0
        self.holders: dict[str, set[int]] = {}
        self.turn = 0

    @rule(count=st.integers(1, 4))
    def receive(self, count: int) -> None:
        pending(self.destination, count)
        self.acked += count

    @rule(limit=st.integers(1, 4))
    def claim(self, limit: int) -> None:
        self.turn += 1
        token = f"worker{self.turn}"
        held = {delivery.pk for delivery in claim(self.destination, token=token, limit=limit)}
        assert not any(held & others for others in self.holders.values())
        if held:
            self.holders[token] = held

    @precondition(lambda self: self.holders)
    @rule(data=st.data(), what=st.sampled_from(["deliver", "fail", "fail for good", "give back"]))
    def finish(self, data: st.DataObject, what: str) -> None:
        token = data.draw(st.sampled_from(sorted(self.holders)))
        held = self.holders.pop(token)
        pk = min(held)
        if what == "deliver":
            assert queue.finish_delivered(token, dict.fromkeys(held, Receipt(0))) == len(held)
        elif what == "give back":
            queue.give_back(token, error="", at=timezone.now())
        else:
            queue.finish_failed(token, pk, status=0xA700, error="full", is_permanent=what == "fail for good")
            if held - {pk}:
                self.holders[token] = held - {pk}

    @precondition(lambda self: self.holders)
    @rule(data=st.data())
    def vanish_and_come_back_late(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(sorted(self.holders)))
        held = self.holders.pop(token)
        Delivery.objects.filter(lease_token=token).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert queue.take_back_expired_leases() == len(held)
        assert queue.finish_delivered(token, dict.fromkeys(held, Receipt(0))) == 0

    @rule()
    def wait(self) -> None:
        Delivery.objects.filter(state=PENDING).update(next_attempt_at=timezone.now())
        queue.pull_in_far_attempts()

    @rule()
    def retry(self) -> None:
        queue.retry(Delivery.objects.filter(state=DEAD))

    @rule()
    def cancel(self) -> None:
        queue.cancel(Delivery.objects.filter(state=DEAD))

    @invariant()
    def the_books_balance(self) -> None:
        counted = Delivery.objects.filter(state__in=[DELIVERED, PENDING, SENDING, DEAD, CANCELLED]).count()
        assert counted == self.acked == Delivery.objects.count()
        for token, held in self.holders.items():
            assert held == set(Delivery.objects.filter(state=SENDING, lease_token=token).values_list("pk", flat=True))
        assert Delivery.objects.filter(state=SENDING).count() == sum(map(len, self.holders.values()))
        assert not Delivery.objects.exclude(state=SENDING).exclude(lease_token="").exists()


def test_whatever_workers_do_the_books_balance(destination: Destination) -> None:
    run_state_machine_as_test(
        LeaseMachine,
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
        ),
    )
