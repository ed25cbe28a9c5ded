"""Deliveries by the API: the ledger, retry, cancel, and sending a study again."""

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from routing.models import Attempt, Delivery, DeliveryState
from tests.api_clients import V1, client_of
from tests.factories import DeliveryFactory, DestinationFactory, StudyFactory

pytestmark = pytest.mark.django_db
NAMED_BY_THE_CONTRACT = {
    "id",
    "sop_instance_uid",
    "study_instance_uid",
    "destination",
    "rule",
    "rule_version",
    "state",
    "attempts",
    "next_attempt_at",
    "last_status",
    "last_error",
}


@pytest.fixture
def client() -> APIClient:
    return client_of("operator")


def state_of(delivery: Delivery) -> str:
    delivery.refresh_from_db()
    return delivery.state


def rule_of(delivery: Delivery) -> int:
    assert delivery.rule_version is not None
    return delivery.rule_version.rule_id


def test_a_line_of_the_ledger(client: APIClient) -> None:
    delivery = DeliveryFactory.create(has_failed=True)

    (shown,) = client.get(f"{V1}/deliveries").json()["results"]

    assert set(shown) >= NAMED_BY_THE_CONTRACT
    assert shown["study_instance_uid"] == delivery.instance.series.study.study_instance_uid
    assert (shown["destination"], shown["destination_name"]) == (delivery.destination.pk, delivery.destination.name)
    assert (shown["rule"], shown["rule_version"]) == (rule_of(delivery), 1)
    assert (shown["state"], shown["priority"]) == ("dead", "routine")
    assert (shown["last_status"], shown["last_status_words"]) == (0xA700, "0xA700 Out of resources")
    assert "lease_token" not in shown


def test_filters(client: APIClient) -> None:
    one, other = DeliveryFactory.create(has_failed=True), DeliveryFactory.create()
    queries = [
        "state=dead",
        f"destination={one.destination.pk}",
        f"rule={rule_of(one)}",
        f"study_instance_uid={one.instance.series.study.study_instance_uid}",
        f"sop_instance_uid={one.instance.sop_instance_uid}",
    ]

    for query in queries:
        found = client.get(f"{V1}/deliveries?{query}").json()["results"]
        assert [each["id"] for each in found] == [one.pk], query
    both = client.get(f"{V1}/deliveries?state=dead&state=pending").json()["results"]
    assert [each["id"] for each in both] == [other.pk, one.pk]


@pytest.mark.parametrize("query", ["state=lost", "destination=4711", "rule=x", "instance=1"])
def test_filters_that_mean_nothing(client: APIClient, query: str) -> None:
    assert client.get(f"{V1}/deliveries?{query}").status_code == 400


def test_the_number_of_queries_is_constant(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(10):
        DeliveryFactory.create()

    # Session, user, count, page; instance, series, study, destination, version and rule of the whole page.
    with django_assert_num_queries(10):
        client.get(f"{V1}/deliveries")


def test_one_is_retried(client: APIClient) -> None:
    delivery = DeliveryFactory.create(has_failed=True)

    response = client.post(f"{V1}/deliveries/{delivery.pk}/retry")

    assert response.status_code == 200
    assert (response.json()["state"], response.json()["attempts"]) == ("pending", 0)


@pytest.mark.parametrize("trait", ["is_delivered", "is_sending"])
def test_one_that_is_not_to_be_retried(client: APIClient, trait: str) -> None:
    delivery = DeliveryFactory.create(**{trait: True})
    before = delivery.state

    response = client.post(f"{V1}/deliveries/{delivery.pk}/retry/")

    assert response.status_code == 409
    assert response.json()["type"] == "/problems/conflict"
    assert state_of(delivery) == before


def test_one_is_cancelled_and_retried(client: APIClient) -> None:
    delivery = DeliveryFactory.create()

    assert client.post(f"{V1}/deliveries/{delivery.pk}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{V1}/deliveries/{delivery.pk}/cancel").status_code == 409
    assert client.post(f"{V1}/deliveries/{delivery.pk}/retry").json()["state"] == "pending"


def test_one_that_is_not_there(client: APIClient) -> None:
    assert client.post(f"{V1}/deliveries/4711/retry").status_code == 404


def retry_many(client: APIClient, **given: Any) -> Any:
    return client.post(f"{V1}/deliveries/retry", given, format="json")


def test_without_a_filter_all_that_failed_are_retried(client: APIClient) -> None:
    failed = [DeliveryFactory.create(has_failed=True) for _ in range(3)]
    cancelled = DeliveryFactory.create(state=DeliveryState.CANCELLED)

    assert retry_many(client).json() == {"deliveries": 3}

    assert {state_of(each) for each in failed} == {"pending"}
    assert state_of(cancelled) == "cancelled"


def test_by_filter(client: APIClient) -> None:
    one, other = DeliveryFactory.create(has_failed=True), DeliveryFactory.create(has_failed=True)

    assert retry_many(client, destination=one.destination.pk, state="dead").json() == {"deliveries": 1}

    assert (state_of(one), state_of(other)) == ("pending", "dead")


@pytest.mark.parametrize("given", [{"destination_id": 1}, {"destination": 4711}, {"state": "lost"}])
def test_a_filter_that_means_nothing_retries_nothing(client: APIClient, given: dict[str, Any]) -> None:
    delivery = DeliveryFactory.create(has_failed=True)

    assert retry_many(client, **given).status_code == 400
    assert state_of(delivery) == "dead"


def replay(client: APIClient, uid: str, **given: Any) -> Any:
    return client.post(f"{V1}/studies/{uid}/replay", given, format="json")


def test_a_study_is_sent_again_to_all(client: APIClient) -> None:
    delivery = DeliveryFactory.create(is_delivered=True)
    other = DeliveryFactory.create(is_delivered=True)

    response = replay(client, delivery.instance.series.study.study_instance_uid)

    assert (response.status_code, response.json()) == (202, {"deliveries": 1})
    assert (state_of(delivery), state_of(other)) == ("pending", "delivered")


def test_a_study_is_sent_again_to_one_destination(client: APIClient) -> None:
    here = DeliveryFactory.create(is_delivered=True)
    there = DeliveryFactory.create(is_delivered=True, instance=here.instance)
    uid = here.instance.series.study.study_instance_uid

    assert replay(client, uid, destinations=[there.destination.pk]).json() == {"deliveries": 1}

    assert (state_of(here), state_of(there)) == ("delivered", "pending")
    assert replay(client, uid, destinations=[DestinationFactory.create().pk]).json() == {"deliveries": 0}


@pytest.mark.parametrize("given", [{"destinations": []}, {"destinations": [4711]}, {"destination": 1}])
def test_a_replay_that_means_nothing(client: APIClient, given: dict[str, Any]) -> None:
    delivery = DeliveryFactory.create(is_delivered=True, delivered_at=timezone.now())

    response = replay(client, delivery.instance.series.study.study_instance_uid, **given)

    assert response.status_code == 400
    assert state_of(delivery) == "delivered"


def test_a_replay_of_an_unknown_study(client: APIClient) -> None:
    StudyFactory.create()

    assert replay(client, "1.2.3").status_code == 404


def test_filters_by_what_people_know(client: APIClient) -> None:
    one = DeliveryFactory.create(has_failed=True, calling_ae_title="CT_ROOM1", priority=1)
    study = one.instance.series.study
    DeliveryFactory.create(calling_ae_title="MR_ROOM1", last_error="nobody listens there")

    for query in (
        "priority=stat",
        f"patient_id={study.patient_id.lower()}",
        "ae_title=ct_room1",
        f"ae_title={one.destination.ae_title}",
        "error=out of resources",
    ):
        found = client.get(f"{V1}/deliveries?{query}").json()["results"]
        assert [each["id"] for each in found] == [one.pk], query


def test_one_delivery_comes_with_its_failed_attempts(client: APIClient) -> None:
    delivery = DeliveryFactory.create(has_failed=True)
    Attempt.objects.create(delivery=delivery, status=0xA700, error="full", association="abc")

    shown = client.get(f"{V1}/deliveries/{delivery.pk}").json()

    (attempt,) = shown["failures"]
    assert (attempt["status_words"], attempt["error"], attempt["association"]) == (
        "0xA700 Out of resources",
        "full",
        "abc",
    )
    assert "failures" not in client.get(f"{V1}/deliveries").json()["results"][0]


def test_retry_and_cancel_by_words_of_the_error(client: APIClient) -> None:
    one = DeliveryFactory.create(has_failed=True)
    other = DeliveryFactory.create(has_failed=True, last_error="0xA900 Data set does not match SOP Class")

    assert client.post(f"{V1}/deliveries/retry", {"error": "does not match"}, format="json").json() == {"deliveries": 1}
    assert (state_of(one), state_of(other)) == ("dead", "pending")
    assert client.post(f"{V1}/deliveries/cancel", {"state": "dead", "priority": "routine"}, format="json").json() == {
        "deliveries": 1
    }
    assert (state_of(one), state_of(other)) == ("cancelled", "pending")


def test_cancel_by_filter_names_a_state(client: APIClient) -> None:
    delivery = DeliveryFactory.create()

    assert client.post(f"{V1}/deliveries/cancel", {}, format="json").status_code == 400
    assert client.post(f"{V1}/deliveries/cancel", {"state": "delivered"}, format="json").status_code == 400
    assert state_of(delivery) == "pending"


def test_the_books(client: APIClient) -> None:
    delivery = DeliveryFactory.create(is_delivered=True)
    DeliveryFactory.create(destination=delivery.destination, has_failed=True)

    shown = client.get(f"{V1}/deliveries/ledger").json()

    (account,) = shown["destinations"]
    assert account == {
        "destination": delivery.destination.pk,
        "destination_name": delivery.destination.name,
        "acknowledged": 2,
        "delivered": 1,
        "pending": 0,
        "dead": 1,
        "cancelled": 0,
        "is_balanced": True,
    }
    assert (shown["instances"]["acknowledged"], shown["instances"]["routed"]) == (2, 2)


def test_lanes_with_their_forecast(client: APIClient) -> None:
    delivery = DeliveryFactory.create(is_delivered=True)
    DeliveryFactory.create(destination=delivery.destination)

    (lane,) = client.get(f"{V1}/deliveries/lanes").json()

    assert (lane["destination"], lane["state"], lane["waiting"]) == (delivery.destination.pk, "up", 1)
    assert lane["drains_at"] is not None
    assert lane["opens_at"] is None
