"""The figures as programs read them."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gateway.analytics.roll_up import roll_up
from gateway.analytics.units import RANGES
from tests.api_clients import V1, client_of
from tests.factories import DeliveryFactory, InstanceFactory

pytestmark = pytest.mark.django_db
RANGED = ("throughput", "volume", "modalities", "latency", "queue")


def get(name: str, **query: str) -> Any:
    answer = client_of("viewer").get(f"{V1}/analytics/{name}", query)
    assert answer.status_code == 200, answer.data
    return answer.json()


@pytest.fixture
def rows() -> None:
    """Three instances of two modalities, of which one was delivered and one waits."""
    now = timezone.now()
    received_at = now - timedelta(minutes=2)
    sent, waits = (
        DeliveryFactory.create(
            instance__received_at=received_at,
            is_delivered=True,
            delivered_at=now - timedelta(minutes=1),
            sent_bytes=1000,
        ),
        DeliveryFactory.create(instance__received_at=received_at),
    )
    InstanceFactory.create(series__study=sent.instance.series.study, series__modality="MR", received_at=received_at)
    assert waits.pk
    roll_up(now)


@pytest.mark.usefixtures("rows")
def test_figures_of_each_kind() -> None:
    throughput = get("throughput", range="1h")
    assert (throughput["range"], throughput["bin_seconds"], len(throughput["bins"])) == ("1h", 60, 60)
    assert sum(each["received"] for each in throughput["bins"]) == 3
    assert sum(each["delivered_bytes"] for each in throughput["bins"]) == 1000
    assert (throughput["received_per_minute"], throughput["delivered_per_minute"]) == (0.6, 0.2)
    assert sum(each["studies"] for each in get("volume")["bins"]) == 2
    shares = get("modalities", range="7d")["modalities"]
    assert [(each["modality"], each["instances"]) for each in shares] == [("CT", 2), ("MR", 1)]
    assert sum(each["percent"] for each in shares) == pytest.approx(100)
    latency = get("latency", range="1h")
    assert latency["to_delivery"]["count"] == 1
    assert 42 < latency["to_delivery"]["p95_seconds"] < 85  # a minute
    assert latency["to_index"]["count"] == 3
    assert [each["tier"] for each in get("storage")["tiers"]] == ["hot", "cold", "archive"]
    queue = get("queue")
    assert (queue["waiting"], queue["failed"], sum(each["waiting"] for each in queue["destinations"])) == (1, 0, 1)
    assert queue["oldest_waiting_at"] is not None
    assert queue["bins"][-1]["waiting"] == 1


@pytest.mark.parametrize("name", RANGED)
@pytest.mark.parametrize("key", RANGES)
def test_nothing_is_an_answer_too(name: str, key: str) -> None:
    answer = get(name, range=key)

    assert answer["range"] == key
    assert len(answer.get("bins", [])) in {0, RANGES[key].count}


@pytest.mark.parametrize(
    ("address", "field"),
    [("throughput?range=2h", "range"), ("latency?since=1", "since"), ("storage?range=1h", "range"), ("queue?q=1", "q")],
)
def test_what_means_nothing_is_refused(address: str, field: str) -> None:
    answer = client_of("viewer").get(f"{V1}/analytics/{address}")

    assert answer.status_code == 400
    assert field in str(answer.data)
