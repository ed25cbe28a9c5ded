"""When a lane will have sent what waits."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from routing.forecast import drains_at, rate
from routing.models import Destination
from routing.selectors import lanes
from tests.factories import DeliveryFactory, DestinationFactory, version_of_a_new_rule

NOW = datetime(2026, 11, 26, 14, 0, tzinfo=UTC)


def test_it_is_what_waits_over_how_fast_it_goes() -> None:
    assert drains_at(Destination(), 1200, 1.0, NOW) == NOW + timedelta(minutes=20)


@pytest.mark.parametrize(
    ("columns", "waiting", "per_second"),
    [({}, 0, 1.0), ({}, 5, 0.0), ({"is_enabled": False}, 5, 1.0), ({"paused_until": NOW}, 5, 1.0)],
)
def test_there_is_none_when_nothing_waits_or_moves(columns: dict[str, object], waiting: int, per_second: float) -> None:
    assert drains_at(Destination(**columns), waiting, per_second, NOW) is None


def test_the_rate_counts_from_the_first_that_was_delivered_lately() -> None:
    assert rate(60, NOW - timedelta(seconds=30), NOW) == 2
    assert rate(60, NOW, NOW) == 60
    assert rate(0, None, NOW) == 0


@pytest.mark.django_db
def test_lanes_have_it(rung: list[int]) -> None:
    moving, still = DestinationFactory.create(name="a"), DestinationFactory.create(name="b")
    version = version_of_a_new_rule()
    for destination in (moving, still):
        for _ in range(4):
            DeliveryFactory.create(destination=destination, rule_version=version)
    began = timezone.now() - timedelta(seconds=100)
    for seconds in range(50):
        delivered_at = began + timedelta(seconds=seconds)
        DeliveryFactory.create(destination=moving, rule_version=version, is_delivered=True, delivered_at=delivered_at)
    first, second = lanes()
    assert 0.3 < first.instances_per_second <= 0.5
    assert first.drains_at is not None
    assert timedelta(seconds=7) < first.drains_at - timezone.now() < timedelta(seconds=14)
    assert (second.instances_per_second, second.drains_at) == (0, None)
