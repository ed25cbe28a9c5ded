"""Back-tests by the API: started, followed, cancelled, and what they found as pages and CSV."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from routing.backtest import run
from routing.backtest.models import BackTest
from tests.api_clients import V1, client_of, key_client
from tests.factories import BackTestFactory, DestinationFactory, RuleFactory, SeriesFactory, StudyFactory

pytestmark = [pytest.mark.django_db]
CT = {"attribute": "Modality", "operator": "equals", "value": "CT"}
MR = {"attribute": "Modality", "operator": "equals", "value": "MR"}


@pytest.fixture
def client() -> APIClient:
    return client_of("administrator")


def start(client: APIClient, **given: Any) -> Any:
    return client.post(f"{V1}/back-tests", given, format="json")


def test_a_draft_is_started_and_followed(client: APIClient) -> None:
    SeriesFactory.create(number_of_series_related_instances=5)

    response = start(client, conditions=[CT], days=7)

    assert response.status_code == 202, response.content
    path = f"{V1}/back-tests/{response.json()['id']}"
    assert client.get(path).json() | {"state": "queued", "days": 7, "rule": None} == client.get(path).json()
    run.take_turn(response.json()["id"])
    found = client.get(path).json()
    assert found | {"state": "done", "judged": 1, "matched": 1, "reads_files": False} == found


def test_a_saved_rule_is_tested_with_what_is_given_in_place_of_its_own(client: APIClient) -> None:
    rule = RuleFactory.create(name="live", conditions=[CT], to=[DestinationFactory.create(name="PACS")])

    found = start(client, rule=rule.pk, conditions=[MR]).json()

    assert (found["rule"], found["live_version"], found["days"]) == (rule.pk, 1, 30)
    assert (found["draft"]["name"], found["draft"]["conditions"]) == ("live", [MR])
    assert [each["name"] for each in found["draft"]["destinations"]] == ["PACS"]
    rule.refresh_from_db()
    assert rule.conditions == [CT]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "non_field_errors"),
        ({"conditions": [{"attribute": "Modalty"}]}, "conditions"),
        ({"conditions": [], "days": 0}, "days"),
        ({"conditions": [], "days": 4000}, "days"),
        ({"rule": 4711}, "rule"),
        ({"conditions": [], "day": 3}, "day"),
    ],
)
def test_what_cannot_be_tested(client: APIClient, given: dict[str, Any], field: str) -> None:
    response = start(client, **given)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]
    assert not BackTest.objects.exists()


def test_a_program_may_start_one() -> None:
    assert start(key_client("administrator"), conditions=[]).json()["author"] is None


def test_cancel(client: APIClient) -> None:
    pk = start(client, conditions=[]).json()["id"]

    assert client.post(f"{V1}/back-tests/{pk}/cancel").json()["state"] == "cancelled"
    again = client.post(f"{V1}/back-tests/{pk}/cancel")
    assert (again.status_code, again.json()["detail"]) == (409, "This back-test is cancelled already.")


def test_studies_and_csv_by_outcome() -> None:
    study = StudyFactory.create()
    path = f"{V1}/back-tests/{BackTestFactory.create(matches=[study]).pk}"
    client = client_of("viewer")

    (row,) = client.get(f"{path}/studies?outcome=draft-only").json()["results"]
    assert (row["study_instance_uid"], row["by_draft"], row["by_live"]) == (study.study_instance_uid, True, False)
    assert client.get(f"{path}/studies?outcome=both").json()["results"] == []
    answer = client.get(f"{path}/csv?outcome=differ")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    lines = answer.getvalue().decode().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(study.study_instance_uid)
    assert client.get(f"{path}/studies?outcome=x").status_code == 400
    assert client.get(f"{path}/csv?outcom=both").status_code == 400
