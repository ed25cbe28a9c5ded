"""Which studies are to be proven, and when."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routing.models import Delivery, DeliveryState, ProofKind, ProofRequest
from routing.proof import requests
from routing.proof.due import LOOK_BACK, how_to_prove, plan_requests
from tests.factories import DeliveryFactory, DestinationFactory
from tests.routing.proof.conftest import Deliver

pytestmark = pytest.mark.django_db


def test_one_request_for_each_study_whose_time_has_passed(deliver: Deliver) -> None:
    proven = DestinationFactory.create(proof=ProofKind.QUERY, proof_after_minutes=10)
    believed = DestinationFactory.create()
    first, second = deliver(proven, 3), deliver(proven, 2)
    deliver(believed, 1)
    just_now = deliver(proven, 1, delivered_at=timezone.now() - timedelta(minutes=9))

    assert plan_requests() == 2
    assert plan_requests() == 0

    studies: set[int] = {proof.study_id for proof in ProofRequest.objects.all()}
    assert studies == {one.instance.series.study_id for one in (first[0], second[0])}
    assert just_now[0].instance.series.study_id not in studies


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"state": DeliveryState.PENDING}, 0),
        ({"state": DeliveryState.SENDING, "lease_until": timezone.now()}, 0),
        ({"state": DeliveryState.DEAD}, 1),
        ({"state": DeliveryState.CANCELLED}, 1),
    ],
)
def test_a_study_is_asked_about_when_nothing_of_it_is_under_way(
    deliver: Deliver, change: dict[str, Any], expected: int
) -> None:
    deliveries = deliver(DestinationFactory.create(proof=ProofKind.QUERY), 3)
    Delivery.objects.filter(pk=deliveries[0].pk).update(**change)

    assert plan_requests() == expected


def test_what_was_checked_is_left_alone_until_it_is_delivered_anew(deliver: Deliver) -> None:
    destination = DestinationFactory.create(proof=ProofKind.QUERY)
    deliveries = deliver(destination, 2)
    Delivery.objects.update(proof_checked_at=timezone.now() - timedelta(minutes=30))
    assert plan_requests() == 0

    Delivery.objects.filter(pk=deliveries[0].pk).update(delivered_at=timezone.now() - timedelta(minutes=20))
    assert plan_requests() == 1


def test_old_deliveries_and_disabled_destinations_are_not_asked_about(deliver: Deliver) -> None:
    deliver(DestinationFactory.create(proof=ProofKind.QUERY), 1, delivered_at=timezone.now() - LOOK_BACK)
    deliver(DestinationFactory.create(proof=ProofKind.QUERY, is_enabled=False), 1)

    assert plan_requests() == 0


def test_storage_commitment_is_asked_of_dicom_only() -> None:
    destination = DestinationFactory.build(kind="stow", proof=ProofKind.COMMITMENT)

    assert how_to_prove(destination) == ProofKind.QUERY


def test_a_clock_that_was_set_back_strands_nothing(deliver: Deliver) -> None:
    destination = DestinationFactory.create(proof=ProofKind.QUERY)
    deliver(destination, 1)
    plan_requests()
    year = timedelta(days=365)
    ProofRequest.objects.update(due_at=timezone.now() + year, lease_until=timezone.now() + year, lease_token="x")

    requests.pull_in_far_requests()

    found = ProofRequest.objects.get()
    assert found.due_at <= timezone.now() + requests.LONGEST_BACK_OFF
    ProofRequest.objects.update(due_at=timezone.now())
    assert requests.claim(destination, limit=1) == [found]


def test_a_request_with_nothing_left_to_ask_goes_away(deliver: Deliver) -> None:
    destination = DestinationFactory.create(proof=ProofKind.QUERY)
    deliver(destination, 1)
    plan_requests()
    Delivery.objects.update(state=DeliveryState.CANCELLED)

    (held,) = requests.claim(destination, limit=1)

    assert requests.begin(held) == []
    assert not ProofRequest.objects.exists()


def test_planning_costs_as_many_queries_for_many_studies_as_for_one(
    deliver: Deliver, django_assert_num_queries: Any
) -> None:
    destination = DestinationFactory.create(proof=ProofKind.QUERY)
    for _ in range(4):
        deliver(destination, 2)
    DeliveryFactory.create(destination=destination)

    with django_assert_num_queries(3):  # the destinations, their studies, the requests in one statement
        assert plan_requests() == 4
