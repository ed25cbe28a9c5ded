"""Fetches by the API: asked for, looked at, cancelled."""

from collections.abc import Callable
from typing import Any

import pytest

from spanner.models import Fetch, FetchState, SpanningConfig
from tests.api_clients import V1, client_of, key_client
from tests.spanner.conftest import Federate

pytestmark = pytest.mark.django_db(transaction=True)
PATH = f"{V1}/spanner/fetch"


@pytest.fixture
def asked(federate: Federate) -> Callable[..., dict[str, Any]]:
    """What is posted for a study."""
    config = federate()

    def make(**more: Any) -> dict[str, Any]:
        return {"study_instance_uid": "1.2.3", "spanner_config_id": config.pk} | more

    return make


def test_a_study_is_asked_for_and_looked_at(asked: Callable[..., dict[str, Any]]) -> None:
    answer = client_of("operator").post(PATH, asked(), format="json")
    assert answer.status_code == 202
    job = client_of("viewer").get(answer["Location"]).json()
    assert (job["id"], job["state"], job["instances_expected"]) == (answer.json()["id"], "waiting", 0)
    again = client_of("administrator").post(PATH, asked(), format="json")
    assert again.json()["id"] == job["id"]
    listed = client_of("viewer").get(f"{V1}/spanner/fetches", {"study": "1.2.3", "state": "waiting"}).json()
    assert [one["id"] for one in listed["results"]] == [job["id"]]


def test_it_is_cancelled_once(asked: Callable[..., dict[str, Any]]) -> None:
    client = client_of("operator")
    job = client.post(PATH, asked(series_instance_uids=["1.2.3.1"]), format="json").json()
    assert job["series_instance_uids"] == ["1.2.3.1"]
    assert client.post(f"{V1}/spanner/fetches/{job['id']}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{V1}/spanner/fetches/{job['id']}/cancel").status_code == 409
    assert Fetch.objects.get().state == FetchState.CANCELLED


@pytest.mark.parametrize(
    "wrong",
    [
        {"study_instance_uid": "1.2\\3"},
        {"study_instance_uid": "../1"},
        {"series_instance_uids": ["x"]},
        {"spanner_config_id": 77_777},
        {"more": 1},
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], asked: Callable[..., dict[str, Any]]) -> None:
    assert client_of("operator").post(PATH, asked(**wrong), format="json").status_code == 400


def test_a_federation_that_is_off_is_not_asked(asked: Callable[..., dict[str, Any]]) -> None:
    SpanningConfig.objects.update(is_enabled=False)
    assert client_of("operator").post(PATH, asked(), format="json").status_code == 400


def test_viewers_may_not_fetch(asked: Callable[..., dict[str, Any]]) -> None:
    assert client_of("viewer").post(PATH, asked(), format="json").status_code == 403
    assert client_of(None).post(PATH, asked(), format="json").status_code in {401, 403}
    assert key_client().post(PATH, asked(), format="json").status_code == 403
