"""Two workers, the sweep and clocks that jump: in whatever order, no delivery is lost or held twice."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from routing import queue
from routing.claim import Turns, claim
from routing.lanes import LONGEST_PAUSE_SECONDS, end_pause, lane, record_failure
from routing.ledger import accounts
from routing.models import Attempt, Delivery, DeliveryState, Destination, Priority
from routing.queue import LEASE_SECONDS, Receipt
from tests.factories import DeliveryFactory, DestinationFactory, version_of_a_new_rule

WORKERS = st.sampled_from(["one", "other"])
JUMPS = st.sampled_from([-365 * 86_400, -86_400, -3600, 3600, 86_400, 10 * 365 * 86_400])


class Clock:
    """The clock of the machine, which can be set."""

    def __init__(self) -> None:
        self.real = timezone.now
        self.offset = timedelta()

    def now(self) -> datetime:
        return self.real() + self.offset


class Leases(RuleBasedStateMachine):
    """What two workers may do to one lane's deliveries, with a sweep beside them."""

    clock: Clock

    def __init__(self) -> None:
        super().__init__()
        self.clock.offset = timedelta()
        Delivery.objects.all().delete()
        Destination.objects.update(paused_until=None, failures_in_a_row=0, lane_token="", lane_until=None)
        self.destination = Destination.objects.first() or DestinationFactory.create()
        self.version = version_of_a_new_rule()
        self.turns = Turns()
        self.lines = 0
        self.taken = 0
        self.held: dict[str, tuple[str, list[int]]] = {}
        self.delivered: set[int] = set()

    def pass_time(self, seconds: float) -> None:
        self.clock.offset += timedelta(seconds=seconds)

    @rule(count=st.integers(1, 4), source=st.sampled_from(["CT", "MR"]), priority=st.sampled_from(Priority.values))
    def plan(self, count: int, source: str, priority: int) -> None:
        for _ in range(count):
            DeliveryFactory.create(
                destination=self.destination,
                rule_version=self.version,
                calling_ae_title=source,
                priority=priority,
                next_attempt_at=self.clock.now(),
                queued_at=self.clock.now(),
            )
        self.lines += count

    @rule(worker=WORKERS, limit=st.integers(1, 4))
    def claim(self, worker: str, limit: int) -> None:
        self.taken += 1
        token = f"{worker}{self.taken}"
        pks = [each.pk for each in claim(self.destination, token=token, limit=limit, turns=self.turns)]
        # The sweep may have taken back what another believes to hold, but nobody else holds it by its token.
        assert set(Delivery.objects.filter(lease_token=token).values_list("pk", flat=True)) == set(pks)
        if pks:
            self.held[worker] = (token, pks)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        token, pks = self.held.pop(data.draw(st.sampled_from(sorted(self.held))))
        ours = set(Delivery.objects.filter(lease_token=token).values_list("pk", flat=True))
        assert queue.finish_delivered(token, dict.fromkeys(pks, Receipt(0, 10))) == len(ours)
        self.delivered |= ours

    @precondition(lambda self: self.held)
    @rule(data=st.data(), how=st.sampled_from(["fail", "fail for good", "give back", "put back"]))
    def fail(self, data: st.DataObject, how: str) -> None:
        token, pks = self.held.pop(data.draw(st.sampled_from(sorted(self.held))))
        if how.startswith("fail"):
            for pk in pks:
                is_permanent = how == "fail for good"
                queue.finish_failed(token, pk, status=0xA700, error="full", is_permanent=is_permanent)
        elif how == "give back":
            queue.give_back(token, error="away", at=self.clock.now())
        else:
            queue.put_back(token)
        assert not Delivery.objects.filter(lease_token=token).exists()

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        token, _ = self.held[data.draw(st.sampled_from(sorted(self.held)))]
        queue.renew([token])

    @rule(seconds=st.sampled_from([1, LEASE_SECONDS + 1, 60, 900]))
    def wait(self, seconds: int) -> None:
        self.pass_time(seconds)

    @rule(seconds=JUMPS)
    def set_the_clock(self, seconds: int) -> None:
        self.pass_time(seconds)

    @rule()
    def sweep(self) -> None:
        queue.take_back_expired_leases()
        queue.pull_in_far_attempts()

    @rule()
    def retry(self) -> None:
        queue.retry(Delivery.objects.filter(state=DeliveryState.DEAD))

    @rule()
    def rest(self) -> None:
        record_failure(self.destination, "away", rest=True)

    @invariant()
    def the_books_balance(self) -> None:
        assert sum(account.acknowledged for account in accounts()) == self.lines
        assert all(account.is_balanced for account in accounts())

    @invariant()
    def what_was_delivered_stays_delivered(self) -> None:
        states = Delivery.objects.filter(pk__in=self.delivered).values_list("state", flat=True)
        assert set(states) <= {DeliveryState.DELIVERED}

    @invariant()
    def only_what_is_sent_is_held(self) -> None:
        assert not Delivery.objects.exclude(state=DeliveryState.SENDING).exclude(lease_token="").exists()
        assert not Attempt.objects.filter(delivery__attempts=0, delivery__lost_leases=0, delivery__state="sending")

    def teardown(self) -> None:
        """However the clock was set, all is free again within the longest back-off and a lease, and the lane too."""
        self.sweep()
        self.pass_time(max(queue.LONGEST_BACK_OFF_SECONDS, 2 * LEASE_SECONDS, LONGEST_PAUSE_SECONDS) + 1)
        self.sweep()
        with lane(self.destination.pk) as found:
            assert found is not None
            end_pause(found.destination)
            while taken := claim(found.destination, token="last", limit=3):
                queue.finish_delivered("last", {each.pk: Receipt(0) for each in taken})
        assert set(Delivery.objects.values_list("state", flat=True)) <= {DeliveryState.DELIVERED, DeliveryState.DEAD}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(timezone, "now", found.now)
    Leases.clock = found
    return found


def run(examples: int, steps: int) -> None:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks, database=None
    )
    run_state_machine_as_test(Leases, settings=chosen)


@pytest.mark.django_db
def test_two_workers_and_a_clock_that_jumps_lose_nothing(rung: list[int], clock: Clock) -> None:
    run(examples=25, steps=25)


@pytest.mark.faults
@pytest.mark.timeout(3600)
@pytest.mark.django_db
def test_two_workers_and_a_clock_that_jumps_lose_nothing_two_thousand_times(rung: list[int], clock: Clock) -> None:
    run(examples=2000, steps=40)


@pytest.mark.parametrize("attempts", [0, 1, 2, 3, 5, 8, 20, 10**6])
def test_back_off_stays_between_its_bounds_and_is_spread(attempts: int) -> None:
    found = [queue.back_off(attempts).total_seconds() for _ in range(300)]
    longest = min(queue.FIRST_BACK_OFF_SECONDS * 2 ** min(attempts, 16), queue.LONGEST_BACK_OFF_SECONDS)
    assert min(found) >= queue.FIRST_BACK_OFF_SECONDS / 2
    assert max(found) <= longest
    assert max(found) - min(found) > 0.8 * (longest - queue.FIRST_BACK_OFF_SECONDS / 2)
