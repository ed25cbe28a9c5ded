"""Policies by the API."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from studies.models import Tier
from tests.api_clients import V1, client_of
from tests.factories import StudyFactory
from tiering.models import Location, Move, Policy

pytestmark = pytest.mark.django_db
PATH = f"{V1}/tier-policies"
NEW = {
    "name": "to the cold tier after a year",
    "is_enabled": True,
    "from_tier": "hot",
    "to_tier": "cold",
    "conditions": {"older_than_days": 365, "modalities": ["CT"]},
}


@pytest.fixture
def client() -> APIClient:
    return client_of("administrator")


@pytest.fixture
def policy() -> Policy:
    return Policy.objects.create(name="old", conditions={"older_than_days": 30})


def test_a_policy_is_made_changed_and_removed(client: APIClient) -> None:
    made = client.post(PATH, NEW, format="json")
    assert made.status_code == 201
    assert made.json() | NEW == made.json()
    path = f"{PATH}/{made.json()['id']}"

    changed = client.patch(path, {"runs_from": "22:00", "runs_until": "06:00", "at_once": 7}, format="json")
    assert changed.status_code == 200
    found = Policy.objects.get()
    assert (found.runs_from.hour if found.runs_from else None, found.at_once) == (22, 7)
    assert client.get(PATH).json()["results"] == [changed.json()]

    assert client.delete(path).status_code == 204
    assert not Policy.objects.exists()


def test_the_least_that_a_policy_takes_moves_nothing_yet(client: APIClient) -> None:
    made = client.post(PATH, {"name": "x"}, format="json").json()

    assert (made["is_enabled"], made["from_tier"], made["to_tier"], made["conditions"]) == (False, "hot", "cold", {})


def test_what_was_got_can_be_sent_back(client: APIClient, policy: Policy) -> None:
    path = f"{PATH}/{policy.pk}"
    got = client.get(path).json()

    assert client.put(path, got, format="json").json() == got


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "old"}, "name"),
        ({"tier": "cold"}, "tier"),
        ({"is_clearing": True}, "is_clearing"),
        ({"to_tier": "hot"}, "to_tier"),
        ({"to_tier": "lukewarm"}, "to_tier"),
        ({"from_tier": "cold"}, "to_tier"),
        ({"runs_from": "22:00"}, "runs_until"),
        ({"runs_until": "22:00"}, "runs_from"),
        ({"runs_until": "25:00"}, "runs_until"),
        ({"at_once": 0}, "at_once"),
        ({"at_once": 100_001}, "at_once"),
        ({"conditions": []}, "conditions"),
        ({"conditions": None}, "conditions"),
        ({"conditions": "{}"}, "conditions"),
        ({"conditions": {"older": 1}}, "conditions"),
        ({"conditions": {"older_than_days": -1}}, "conditions"),
        ({"conditions": {"labels": ["a\0b"]}}, "conditions"),
        ({"conditions": {"above_percent": 80}, "from_tier": "cold", "to_tier": "archive"}, "conditions"),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(
    client: APIClient, policy: Policy, given: dict[str, Any], field: str
) -> None:
    response = client.post(PATH, {"name": "new"} | given, format="json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]
    assert Policy.objects.count() == 1


def test_a_change_is_checked_with_what_stays(client: APIClient) -> None:
    policy = Policy.objects.create(name="full", conditions={"above_percent": 80})

    response = client.patch(f"{PATH}/{policy.pk}", {"from_tier": "archive"}, format="json")

    assert response.status_code == 400
    assert "hot disk" in str(response.json())


def test_a_changed_policy_begins_anew(client: APIClient) -> None:
    policy = Policy.objects.create(name="full", conditions={"above_percent": 80}, is_clearing=True)

    assert client.patch(f"{PATH}/{policy.pk}", {"is_enabled": True}, format="json").status_code == 200

    policy.refresh_from_db()
    assert not policy.is_clearing


class TestSimulation:
    def test_a_viewer_sees_what_would_move(self, cold: Location, policy: Policy) -> None:
        long_ago = timezone.now() - timedelta(days=50)
        old = StudyFactory.create(
            received_at=long_ago, completed_at=long_ago, size_bytes=312 * 10**9, number_of_study_related_instances=7
        )
        StudyFactory.create(completed_at=timezone.now())

        response = client_of("viewer").get(f"{PATH}/{policy.pk}/simulation")

        assert response.status_code == 200
        found = response.json()
        assert (found["number_of_studies"], found["number_of_instances"]) == (1, 7)
        assert (found["size_bytes"], found["saved_per_month"]) == (312 * 10**9, "0.00")
        assert found["words"] == "would move 1 study, 312 GB, saves 0.00 a month"
        assert [study["study_instance_uid"] for study in found["studies"]] == [old.study_instance_uid]
        assert not Move.objects.exists()

    def test_queries_do_not_grow_with_the_studies(
        self, client: APIClient, policy: Policy, django_assert_max_num_queries: Any
    ) -> None:
        long_ago = timezone.now() - timedelta(days=50)
        StudyFactory.create_batch(20, received_at=long_ago, completed_at=long_ago)

        with django_assert_max_num_queries(8):
            assert len(client.get(f"{PATH}/{policy.pk}/simulation").json()["studies"]) == 20

    def test_a_row_with_bad_conditions(self, client: APIClient, policy: Policy) -> None:
        Policy.objects.update(conditions={"older": 1})

        response = client.get(f"{PATH}/{policy.pk}/simulation")

        assert response.status_code == 409
        assert "older" in response.json()["detail"]

    def test_a_hot_disk_that_is_away(self, client: APIClient, settings: Settings) -> None:
        policy = Policy.objects.create(name="full", conditions={"above_percent": 1}, to_tier=Tier.ARCHIVE)
        settings.GANTRY.storage.rmdir()

        response = client.get(f"{PATH}/{policy.pk}/simulation")

        assert response.status_code == 503
        assert "does not answer" in response.json()["detail"]
