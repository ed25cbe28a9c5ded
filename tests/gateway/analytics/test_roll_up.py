"""What was counted equals a recount, whatever comes when, and however often it is counted."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone

from gateway.analytics import delivered, numbered
from gateway.analytics.buckets import bucket
from gateway.analytics.models import Mark, Stock, Tally, What
from gateway.analytics.roll_up import roll_up, tidy
from gateway.analytics.stock import count_stock
from gateway.analytics.units import KEPT, LENGTH, Unit, beginning
from gateway.analytics.waiting import look_at_queue
from routing.models import Attempt, Delivery
from studies.models import Instance, Study
from tests.factories import DeliveryFactory, DestinationFactory, InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
JUMPS = [timedelta(hours=1), timedelta(hours=-1), timedelta(days=1), timedelta(days=-1), timedelta(days=3653)]


def count_all(now: datetime) -> None:
    while roll_up(now, seconds=0):
        pass


def counted(what: What, unit: Unit = Unit.MINUTE) -> Counter[tuple[datetime, str]]:
    rows = Tally.objects.filter(what=what, unit=unit).values_list("begins_at", "key", "count")
    return Counter({(begins_at, key): count for begins_at, key, count in rows})


def recount(what: What, unit: Unit = Unit.MINUTE) -> Counter[tuple[datetime, str]]:
    return Counter((beginning(unit, at), key) for at, key in _rows(what))


def _rows(what: What) -> Iterator[tuple[Any, str]]:
    match what:
        case What.STUDY:
            yield from ((at, "") for at in Study.objects.values_list("received_at", flat=True))
        case What.RECEIVED:
            yield from Instance.objects.values_list("received_at", "series__modality")
        case What.FAILED:
            yield from ((at, str(pk)) for at, pk in Attempt.objects.values_list("at", "delivery__destination_id"))
        case What.DELIVERED:
            done = Delivery.objects.exclude(delivered_at=None)
            yield from ((at, str(pk)) for at, pk in done.values_list("delivered_at", "destination_id"))
        case What.INDEX_SECONDS:
            for at, indexed_at in Instance.objects.values_list("received_at", "indexed_at"):
                yield at, str(bucket((indexed_at - at).total_seconds()))


@pytest.fixture(params=[5000, 3], ids=["at once", "in small batches"])
def batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbered, "BATCH", request.param)
    monkeypatch.setattr(delivered, "BATCH", request.param)


@pytest.mark.usefixtures("batches")
@pytest.mark.parametrize("seed", range(4))
def test_counted_is_a_recount_whatever_comes_when(seed: int) -> None:
    chance = random.Random(seed)
    now = timezone.now()
    series = [SeriesFactory.create(modality=modality) for modality in ("CT", "MR", "US")]
    destinations = DestinationFactory.create_batch(2)
    for turn in range(6):
        now += timedelta(seconds=chance.randrange(5, 90))
        for _ in range(chance.randrange(6)):
            received_at = now - timedelta(seconds=chance.choice([1, 70, 4000, 200_000]))  # some lay in the spool
            instance = InstanceFactory.create(series=chance.choice(series), received_at=received_at)
            Instance.objects.filter(pk=instance.pk).update(indexed_at=received_at + timedelta(seconds=2))
            at = now - timedelta(seconds=chance.choice([0, 1, 20]))
            DeliveryFactory.create(
                instance=instance, destination=chance.choice(destinations), is_delivered=True, delivered_at=at
            )
        if turn % 2:
            Attempt.objects.create(
                delivery=Delivery.objects.latest("pk") if Delivery.objects.exists() else DeliveryFactory.create(),
                at=now - timedelta(seconds=3),
            )
        for _ in range(chance.randrange(3)):
            roll_up(now, seconds=0)
    count_all(now)

    for what in (What.STUDY, What.RECEIVED, What.DELIVERED, What.FAILED, What.INDEX_SECONDS):
        for unit in Unit:
            assert counted(what, unit) == recount(what, unit), (what, unit)
    before = list(Tally.objects.values_list("unit", "begins_at", "what", "key", "count", "size_bytes"))
    count_all(now)
    tidy(now)
    assert list(Tally.objects.values_list("unit", "begins_at", "what", "key", "count", "size_bytes")) == before


@pytest.mark.usefixtures("batches")
def test_rows_of_former_times_are_counted_in_batches() -> None:
    now = timezone.now()
    times = [now - timedelta(days=day * 40, minutes=day) for day in range(10)]
    for at in times:
        DeliveryFactory.create(instance__received_at=at, is_delivered=True, delivered_at=at + timedelta(seconds=5))

    count_all(now)

    for what in (What.RECEIVED, What.DELIVERED):
        for unit in (Unit.DAY, Unit.WEEK):
            assert counted(what, unit) == recount(what, unit)
        kept = {unit: Tally.objects.filter(what=what, unit=unit).values_list("begins_at", flat=True) for unit in KEPT}
        assert all(begins_at > now - KEPT[unit] for unit, found in kept.items() for begins_at in found)


@pytest.mark.parametrize("jump", JUMPS, ids=str)
def test_a_clock_that_jumps_counts_nothing_twice_and_loses_nothing(jump: timedelta) -> None:
    now = timezone.now()
    destination = DestinationFactory.create()

    def deliver(at: datetime) -> None:
        DeliveryFactory.create(destination=destination, instance__received_at=at, is_delivered=True, delivered_at=at)

    deliver(now - timedelta(days=30))
    count_all(now)
    deliver(now)
    count_all(now)
    for minute in range(3):
        deliver(now + jump + timedelta(minutes=minute))
        count_all(now + jump + timedelta(minutes=minute))
    right = now + timedelta(minutes=10)
    deliver(right)
    count_all(right)
    tidy(right)
    count_all(right)

    week = {key: number for key, number in recount(What.DELIVERED, Unit.WEEK).items() if key[0] <= right}
    assert {key: number for key, number in counted(What.DELIVERED, Unit.WEEK).items() if key[0] <= right} == week
    assert counted(What.RECEIVED, Unit.WEEK).total() == Instance.objects.count()


def test_of_two_at_once_one_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = timezone.now()
    DeliveryFactory.create(is_delivered=True, delivered_at=now)
    (received,) = [stream for stream in numbered.STREAMS if stream.what == What.RECEIVED]
    real_rows, real_more = numbered._rows, delivered._more

    def rows(*args: object, **which: object) -> object:
        found = real_rows(*args, **which)  # type: ignore[arg-type]
        monkeypatch.setattr(numbered, "_rows", real_rows)
        assert numbered.count_some(received, now) is False  # the other one, between our reading and our writing
        return found

    def more(begin: datetime, end: datetime) -> object:
        found = real_more(begin, end)
        monkeypatch.setattr(delivered, "_more", real_more)
        delivered.count_some(now)
        return found

    monkeypatch.setattr(numbered, "_rows", rows)
    monkeypatch.setattr(delivered, "_more", more)
    numbered.count_some(received, now)
    delivered.count_some(now)

    for what in (What.RECEIVED, What.DELIVERED):
        assert counted(what) == recount(what)


def test_a_number_that_is_committed_late_is_counted() -> None:
    now = timezone.now()
    series = SeriesFactory.create()
    first, late, last = InstanceFactory.create_batch(3, series=series)
    Instance.objects.filter(pk=late.pk).delete()
    count_all(now)
    assert Mark.objects.get(what=What.RECEIVED).holes == [[late.pk, late.pk, int(now.timestamp())]]

    late.save(force_insert=True)
    count_all(now + timedelta(seconds=15))

    assert counted(What.RECEIVED).total() == 3
    assert Mark.objects.get(what=What.RECEIVED).holes == []
    assert first.pk < late.pk < last.pk


def test_what_is_deleted_or_sent_again_stays_counted() -> None:
    now = timezone.now()
    delivery = DeliveryFactory.create(is_delivered=True, delivered_at=now - timedelta(minutes=2))
    InstanceFactory.create()
    count_all(now)
    Instance.objects.exclude(pk=delivery.instance_id).delete()
    Delivery.objects.update(delivered_at=now + timedelta(minutes=1))

    count_all(now + timedelta(minutes=2))

    assert counted(What.RECEIVED).total() == 2
    assert counted(What.DELIVERED).total() == 2


def test_what_a_person_sends_again_says_nothing_of_speed() -> None:
    now = timezone.now() + timedelta(seconds=9)
    one, two = DeliveryFactory.create_batch(2, is_delivered=True, delivered_at=now)
    Delivery.objects.filter(pk=two.pk).update(queued_at=two.created_at + timedelta(minutes=1))

    count_all(now)

    assert one.pk != two.pk
    assert (counted(What.DELIVERED).total(), counted(What.DELIVERY_SECONDS).total()) == (2, 1)


def test_a_delivery_that_a_slow_clock_dated_back_is_counted_within_the_hour() -> None:
    now = timezone.now()
    destination = DestinationFactory.create()
    DeliveryFactory.create(destination=destination, is_delivered=True, delivered_at=now)
    count_all(now)
    DeliveryFactory.create(destination=destination, is_delivered=True, delivered_at=now - timedelta(hours=5))
    count_all(now + timedelta(seconds=15))
    assert counted(What.DELIVERED).total() == 1

    tidy(now + timedelta(minutes=5))

    assert counted(What.DELIVERED) == recount(What.DELIVERED)


def test_old_minutes_go_and_days_stay() -> None:
    now = timezone.now()
    StudyFactory.create(received_at=now)
    count_all(now)

    tidy(now + timedelta(days=500))

    assert set(Tally.objects.values_list("unit", flat=True)) == {Unit.DAY, Unit.WEEK}


def test_nothing_is_written_while_nothing_happens() -> None:
    now = timezone.now()
    DeliveryFactory.create(is_delivered=True, delivered_at=now)
    count_all(now)
    marks = list(Mark.objects.values())

    count_all(now + timedelta(seconds=15))

    assert list(Mark.objects.values()) == marks


def test_stock_is_counted_by_tier_and_not_more_often_than_it_costs() -> None:
    now = timezone.now()
    StudyFactory.create_batch(2, size_bytes=500, number_of_study_related_instances=5)
    StudyFactory.create(tier="cold", size_bytes=70)
    assert count_stock(now)
    assert list(Stock.objects.values_list("tier", "studies", "instances", "size_bytes")) == [
        ("hot", 2, 10, 1000),
        ("cold", 1, 0, 70),
        ("archive", 0, 0, 0),
    ]

    Stock.objects.update(seconds=1)
    assert not count_stock(now + timedelta(seconds=99))
    assert count_stock(now + timedelta(seconds=101))
    Stock.objects.update(seconds=1000)
    assert count_stock(now + timedelta(minutes=17))
    assert count_stock(now - timedelta(days=1))  # the clock was set back


def test_of_the_queue_the_deepest_and_the_oldest_are_kept() -> None:
    now = timezone.now()
    old = DeliveryFactory.create(queued_at=now - timedelta(seconds=90))
    DeliveryFactory.create(destination=old.destination, queued_at=now)
    look_at_queue(now)
    look_at_queue(now)
    Delivery.objects.filter(pk=old.pk).delete()
    look_at_queue(now)
    Delivery.objects.all().delete()
    look_at_queue(now)

    assert counted(What.QUEUE_DEPTH, Unit.DAY).total() == 2
    assert counted(What.QUEUE_SECONDS, Unit.WEEK).total() == 90


def test_units_are_whole_multiples() -> None:
    assert all(longer % shorter == timedelta(0) for shorter, longer in pairwise(LENGTH.values()))
