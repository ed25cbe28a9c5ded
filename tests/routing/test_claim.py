"""Which deliveries are next: urgent ones, and sources in turn."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routing import queue
from routing.claim import Turns, claim, is_more_urgent_due
from routing.models import Attempt, Delivery, Destination, Priority
from tests.factories import DeliveryFactory, DestinationFactory, InstanceFactory, RuleFactory, version_of_a_new_rule

pytestmark = pytest.mark.django_db


@pytest.fixture
def destination(rung: list[int]) -> Destination:
    return DestinationFactory.create()


def due(destination: Destination, source: str, count: int, **columns: Any) -> None:
    version = version_of_a_new_rule()
    for _ in range(count):
        DeliveryFactory.create(destination=destination, calling_ae_title=source, rule_version=version, **columns)


def sources(deliveries: list[Delivery]) -> dict[str, int]:
    return dict(Counter(delivery.calling_ae_title for delivery in deliveries))


def test_sources_take_turns(destination: Destination) -> None:
    due(destination, "CT", 40)
    due(destination, "MR", 7)
    due(destination, "US", 2)
    turns = Turns()
    found = [sources(claim(destination, token=str(number), limit=10, turns=turns)) for number in range(3)]
    assert found[0] == {"CT": 10}
    assert found[1] == {"MR": 7, "US": 2, "CT": 1}
    assert found[2] == {"CT": 10}


def test_a_large_source_holds_no_small_one_up(destination: Destination) -> None:
    due(destination, "BIG", 60)
    for name in ("A", "C", "Z"):
        due(destination, name, 2)
    turns = Turns()
    first_three = [claim(destination, token=str(number), limit=8, turns=turns) for number in range(3)]
    seen = Counter(delivery.calling_ae_title for batch in first_three for delivery in batch)
    assert {name: seen[name] for name in ("A", "C", "Z")} == {"A": 2, "C": 2, "Z": 2}


def test_an_urgent_one_goes_before_every_turn(destination: Destination) -> None:
    due(destination, "CT", 5, priority=Priority.BACKFILL)
    due(destination, "MR", 2, priority=Priority.HIGH)
    due(destination, "ER", 1, priority=Priority.STAT)
    found = claim(destination, token="a", limit=5)
    assert [delivery.priority for delivery in found] == [1, 2, 2, 4, 4]


def test_only_the_priorities_that_may_leave_are_taken(destination: Destination) -> None:
    due(destination, "CT", 3)
    assert claim(destination, token="a", limit=5, priorities=(Priority.STAT,)) == []
    due(destination, "CT", 1, priority=Priority.STAT)
    assert len(claim(destination, token="a", limit=5, priorities=(Priority.STAT,))) == 1


def test_whether_something_more_urgent_is_due(destination: Destination) -> None:
    due(destination, "CT", 1, priority=Priority.HIGH)
    due(destination, "CT", 1, priority=Priority.STAT, next_attempt_at=timezone.now() + timedelta(minutes=1))
    assert is_more_urgent_due(destination, than=Priority.ROUTINE)
    assert not is_more_urgent_due(destination, than=Priority.HIGH)
    assert not is_more_urgent_due(destination, than=Priority.ROUTINE, priorities=(Priority.STAT,))


def test_deliveries_know_the_source_of_their_instance(destination: Destination) -> None:
    version = RuleFactory.create(to=[destination]).versions.get()
    instance = InstanceFactory.create(calling_ae_title="CT_ROOM7")
    queue.add_deliveries(version, [(instance.pk, destination.pk)])
    assert Delivery.objects.get().calling_ae_title == "CT_ROOM7"


def test_what_is_put_back_was_never_tried(destination: Destination) -> None:
    due(destination, "CT", 2, last_error="as before")
    claim(destination, token="a", limit=2)
    queue.put_back("a")
    for delivery in Delivery.objects.all():
        assert (delivery.state, delivery.attempts, delivery.lease_until) == ("pending", 0, None)
        assert (delivery.association, delivery.last_error) == ("", "as before")
    assert not Attempt.objects.exists()


def test_each_failed_attempt_is_kept_up_to_twenty(destination: Destination) -> None:
    due(destination, "CT", 2)
    one, other = Delivery.objects.order_by("pk")
    for number in range(25):
        Delivery.objects.update(next_attempt_at=timezone.now())
        claim(destination, token=f"t{number}", limit=2)
        queue.finish_failed(f"t{number}", one.pk, status=0xA700, error=f"try {number}", is_permanent=False)
        queue.give_back(f"t{number}", error="away", at=timezone.now())
    kept = list(Attempt.objects.filter(delivery=one).values_list("error", "status", "association"))
    assert kept == [(f"try {number}", 0xA700, f"t{number}") for number in range(24, 4, -1)]
    assert Attempt.objects.filter(delivery=other).count() == 20


def test_a_lost_worker_is_a_failed_attempt(destination: Destination) -> None:
    due(destination, "CT", 1)
    claim(destination, token="a", limit=1)
    Delivery.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    queue.take_back_expired_leases()
    assert "lost" in Attempt.objects.get().error


def test_receipts_are_written_each_with_its_own_status_and_bytes(destination: Destination) -> None:
    due(destination, "CT", 3)
    held = claim(destination, token="a", limit=3)
    receipts = {
        delivery.pk: queue.Receipt(status, size)
        for delivery, status, size in zip(held, (0, 0xB000, 0), (5, 6, 2**40), strict=True)
    }
    assert queue.finish_delivered("b", receipts) == 0
    assert queue.finish_delivered("a", {}) == 0
    assert queue.finish_delivered("a", receipts) == 3
    rows = list(Delivery.objects.order_by("pk").values_list("last_status", "sent_bytes", "association", "state"))
    assert rows == [(0, 5, "a", "delivered"), (0xB000, 6, "a", "delivered"), (0, 2**40, "a", "delivered")]
    assert [delivery.has_warning for delivery in Delivery.objects.order_by("pk")] == [False, True, False]
