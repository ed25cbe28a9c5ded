"""AI pools, workers, requests and results by the API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from routing.models import AIPool, AIWorker, Delivery
from tests.api_clients import V1, client_of, key_client
from tests.factories import (
    AIPoolFactory,
    AIRequestFactory,
    AIResultFactory,
    AIWorkerFactory,
    DestinationFactory,
    InstanceFactory,
)
from tests.peers import storing_peer

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rung")]


@pytest.fixture
def client() -> APIClient:
    return client_of("administrator")


def test_the_least_that_a_pool_and_a_worker_take(client: APIClient) -> None:
    destination = DestinationFactory.create()
    pool = client.post(
        f"{V1}/ai/pools",
        {"name": "Lung", "strategy": "least_busy", "result_destinations": [destination.pk]},
        format="json",
    )
    assert pool.status_code == 201, pool.json()
    given = {
        "pool": pool.json()["id"],
        "name": "Node A",
        "ae_title": "LUNG_A",
        "host": "127.0.0.1",
        "port": 11114,
        "timeout_seconds": 30,
    }
    worker = client.post(f"{V1}/ai/workers/", given, format="json")

    assert worker.status_code == 201, worker.json()
    assert worker.json() | given == worker.json()
    assert AIPool.objects.get().result_destinations.get() == destination


def test_a_pool_is_round_robin_when_nothing_is_said(client: APIClient) -> None:
    assert client.post(f"{V1}/ai/pools", {"name": "Lung"}, format="json").json()["strategy"] == "round_robin"


@pytest.mark.parametrize("path", ["pools", "workers"])
def test_what_was_got_can_be_sent_back(client: APIClient, path: str) -> None:
    row = AIPoolFactory.create() if path == "pools" else AIWorkerFactory.create()
    address = f"{V1}/ai/{path}/{row.pk}/"
    got = client.get(address).json()

    assert client.put(address, got | {"name": "Other"}, format="json").json() == got | {"name": "Other"}


@pytest.mark.parametrize(
    ("path", "given", "field"),
    [
        ("pools", {"strategy": "fastest"}, "strategy"),
        ("pools", {"result_destinations": [999]}, "result_destinations"),
        ("pools", {"result_sop_classes": ["Verification"]}, "result_sop_classes"),
        ("pools", {"maximum_attempts": 0}, "maximum_attempts"),
        ("pools", {"algorithms": "x"}, "algorithms"),
        ("workers", {"port": 0}, "port"),
        ("workers", {"ae_title": "A" * 17}, "ae_title"),
        ("workers", {"timeout_seconds": 0}, "timeout_seconds"),
        ("workers", {"pool": 999}, "pool"),
    ],
)
def test_what_makes_no_sense_is_refused(client: APIClient, path: str, given: dict[str, Any], field: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "pools": {"name": "Lung"},
        "workers": {"pool": AIPoolFactory.create().pk, "name": "A", "ae_title": "A", "host": "h", "port": 1},
    }

    response = client.post(f"{V1}/ai/{path}", bodies[path] | given, format="json")

    assert response.status_code == 400
    assert field in response.json()["errors"]


def test_a_pool_that_was_asked_is_kept(client: APIClient) -> None:
    pool = AIRequestFactory.create().pool

    assert client.delete(f"{V1}/ai/pools/{pool.pk}").status_code == 409
    assert client.delete(f"{V1}/ai/pools/{AIPoolFactory.create().pk}").status_code == 204


def test_echo(client: APIClient) -> None:
    with storing_peer() as peer:
        worker: AIWorker = AIWorkerFactory.create(host="127.0.0.1", port=peer.port)
        assert client.post(f"{V1}/ai/workers/{worker.pk}/echo").json()["is_alive"] is True


def test_requests_are_filtered_retried_and_cancelled() -> None:
    client = client_of("operator")
    request = AIRequestFactory.create(state="failed", last_error="3 attempts.")
    request.instances.add(InstanceFactory.create())
    AIRequestFactory.create()
    uid = request.study.study_instance_uid

    (found,) = client.get(f"{V1}/ai/requests", {"state": "failed", "study_instance_uid": uid}).json()["results"]
    assert (found["id"], found["instance_count"], found["priority"], found["last_error"]) == (
        request.pk,
        1,
        "routine",
        "3 attempts.",
    )
    assert client.post(f"{V1}/ai/requests/{request.pk}/retry").json()["state"] == "queued"
    assert client.post(f"{V1}/ai/requests/{request.pk}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{V1}/ai/requests/{request.pk}/cancel").status_code == 409
    assert client.get(f"{V1}/ai/requests", {"sate": "failed"}).status_code == 400


def test_results_are_released_in_the_name_of_the_key() -> None:
    client = key_client("operator")
    worker = AIWorkerFactory.create()
    worker.pool.result_destinations.add(DestinationFactory.create())
    result = AIResultFactory.create(worker=worker)
    other = AIResultFactory.create()

    (found, _) = client.get(f"{V1}/ai/results", {"verdict": "quarantined", "ordering": "-judged_at"}).json()["results"]
    assert found["reason"] == "It names another patient than the study."
    released = client.post(f"{V1}/ai/results/{result.pk}/release").json()
    assert (released["verdict"], bool(released["released_by"])) == ("released", True)
    assert client.post(f"{V1}/ai/results/{result.pk}/release").status_code == 409
    assert client.post(f"{V1}/ai/results/{other.pk}/release").status_code == 409
    assert client.post(f"{V1}/ai/results/{other.pk}/keep").json()["verdict"] == "kept"
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize("path", ["pools", "workers", "requests", "results"])
def test_a_list_costs_the_same_for_many(path: str, django_assert_max_num_queries: Any) -> None:
    client = client_of("viewer")
    for _ in range(4):
        worker = AIWorkerFactory.create()
        AIResultFactory.create(worker=worker)
        AIRequestFactory.create(pool=worker.pool, worker=worker)
    with django_assert_max_num_queries(6):
        assert client.get(f"{V1}/ai/{path}").json()["count"] == 4
