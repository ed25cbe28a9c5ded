"""Searches whose answer is fetched later: what there is until then is told truthfully."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from rest_framework.test import APIClient

from spanner.answers import Answer, State
from spanner.models import FailureStrategy, Query, Source, SourceAnswer, SourceMinute, SpanningConfig
from spanner.queries import open_query, write_answer
from spanner.question import PATIENT_ID, question
from spanner.search import targets_of
from spanner.sweep import sweep
from studies.query.keys import QueryLevel
from tests.api_clients import V1, client_of, key_client
from tests.peers import refused_port
from tests.spanner.archives import dimse_archive, study
from tests.spanner.conftest import Federate
from tests.spanner.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]


@pytest.fixture
def client() -> APIClient:
    return client_of("viewer")


def ask(client: APIClient, config: SpanningConfig) -> dict[str, Any]:
    response = client.get(f"{V1}/spanner/qido/studies?PatientID=P*&spanner_config_id={config.pk}&async=true")
    assert response.status_code == 202, response.content
    found: dict[str, Any] = response.json()
    return found


def states(client: APIClient, asked: dict[str, Any]) -> dict[str, str]:
    return {one["name"]: one["state"] for one in client.get(asked["status_url"]).json()["sources"]}


def is_finished(client: APIClient, asked: dict[str, Any]) -> bool:
    return bool(client.get(asked["status_url"]).json()["is_finished"])


def lost(config: SpanningConfig, by: str, more: dict[str, Any] | None = None) -> Query:
    """A question whose process was killed."""
    asked = question(QueryLevel.STUDY, {PATIENT_ID: "P1"})
    return open_query(config, targets_of(config), asked, door="api", asked_by=by, more=more)


def test_a_source_that_still_waits(client: APIClient, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1), study(2)]) as (port, _), dimse_archive([study(3)]) as (slow, archive):
        archive.gate.clear()
        config = federate(dimse("North", port), dimse("Slow", slow))
        asked = ask(client, config)
        assert set(asked) == {"query_id", "status_url", "results_url"}
        wait_until(lambda: states(client, asked)["North"] == "ok")

        status = client.get(asked["status_url"]).json()
        assert (status["percent"], status["is_finished"], status["is_complete"]) == (50, False, False)
        assert states(client, asked) == {"North": "ok", "Slow": "waiting"}
        response = client.get(asked["results_url"])
        part = response.json()
        assert (part["total"], part["is_complete"], part["is_finished"]) == (2, False, False)
        assert part["waiting"] == ["Slow"]
        assert "Slow (waiting)" in response["Warning"]

        archive.gate.set()
        wait_until(lambda: is_finished(client, asked))
        wait_until(lambda: Query.objects.get().finished_at is not None)

    response = client.get(f"{asked['results_url']}?limit=2&offset=1")
    whole = response.json()
    assert (whole["total"], whole["is_complete"], whole["is_finished"]) == (3, True, True)
    assert len(whole["results"]) == len(whole["provenance"]) == 2
    assert "Warning" not in response
    status = client.get(asked["status_url"]).json()
    assert (status["percent"], status["is_complete"]) == (100, True)
    assert status["finished_at"] is not None
    query = Query.objects.get()
    assert (query.matches, query.is_complete, query.asked_by) == (3, True, query.asked_by)


def test_what_is_kept_of_patients_is_unreadable(client: APIClient, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1, "Canary")]) as (port, _):
        config = federate(dimse("North", port))
        response = client.get(f"{V1}/spanner/qido/studies?PatientID=Canary&spanner_config_id={config.pk}&async=true")
        wait_until(lambda: is_finished(client, response.json()))

    row = SourceAnswer.objects.get()
    assert row.count == 1
    assert b"Canary" not in bytes(row.rows)
    assert "Canary" not in str(Query.objects.get().content)
    assert "Canary" in client.get(response.json()["results_url"]).content.decode()


def test_only_who_asked_and_administrators_may_look(client: APIClient, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        config = federate(dimse("North", port))
        key, other_key = key_client("viewer"), key_client("viewer")  # of one name
        for owner, others in (
            (client, [client_of("operator"), key]),
            (key, [other_key, client]),
        ):
            asked = ask(owner, config)
            wait_until(lambda owner=owner, asked=asked: is_finished(owner, asked))  # type: ignore[misc]
            for url in (asked["status_url"], asked["results_url"]):
                assert owner.get(url).status_code == 200
                assert [other.get(url).status_code for other in others] == [404, 404]
                assert client_of("administrator").get(url).status_code == 200
                assert client_of(None).get(url).status_code == 401


def test_a_lost_process_leaves_nothing_running(dimse: Make, federate: Federate) -> None:
    config = federate(dimse("North", 104), dimse("South", 105))
    query = lost(config, "anna")
    write_answer(query.pk, Source.objects.get(name="North").pk, Answer("North", State.OK, []))
    client = client_of("administrator")
    path = f"{V1}/spanner/queries/{query.pk}"
    assert client.get(f"{path}/status").json()["is_finished"] is False

    Query.objects.update(deadline=Now() - timedelta(seconds=1))

    status = client.get(f"{path}/status").json()
    assert [one["state"] for one in status["sources"]] == ["ok", "timeout"]
    assert (status["is_finished"], status["is_complete"], status["percent"]) == (True, False, 100)
    assert status["finished_at"] is not None
    assert client.get(f"{path}/results").json()["is_complete"] is False
    # What comes after that changes nothing.
    assert not write_answer(query.pk, Source.objects.get(name="South").pk, Answer("South", State.OK, []))
    assert Query.objects.get().missing == "South (timeout)"


def test_the_sweep_ends_lost_ones_too(dimse: Make, federate: Federate) -> None:
    lost(federate(dimse("North", 104)), "anna")
    sweep()
    assert Query.objects.get().finished_at is None

    Query.objects.update(deadline=Now() - timedelta(seconds=1))
    sweep()

    assert Query.objects.get().finished_at is not None
    assert SourceAnswer.objects.get().state == "timeout"


@pytest.mark.parametrize("is_swept", [False, True])
def test_after_an_hour_it_is_gone(client: APIClient, dimse: Make, federate: Federate, is_swept: bool) -> None:
    with dimse_archive([study(1)]) as (port, _):
        asked = ask(client, federate(dimse("North", port)))
        wait_until(lambda: Query.objects.get().finished_at is not None)
    Query.objects.update(asked_at=timezone.now() - timedelta(hours=1, seconds=1))
    if is_swept:
        sweep()
        assert not SourceAnswer.objects.exists()
        assert Query.objects.get().content is None
        assert Query.objects.filter(content__isnull=True).exists()

    for url in (asked["status_url"], asked["results_url"]):
        response = client.get(url)
        assert (response.status_code, response.json()["type"]) == (410, "/problems/gone")
        assert client_of("viewer").get(url).status_code == 404


def test_what_is_on_record_ends_too(dimse: Make, federate: Federate, settings: Any) -> None:
    source = dimse("North", 104)
    config, now = federate(source), timezone.now()
    for days in (89, 91):
        at = now - timedelta(days=days)
        Query.objects.create(config=config, door="api", asked_by="a", asked_at=at, deadline=at, finished_at=at)
        SourceMinute.objects.create(source=source, minute=at)

    sweep()

    assert [(now - row.asked_at).days for row in Query.objects.all()] == [89]
    assert [(now - row.minute).days for row in SourceMinute.objects.all()] == [89]


def test_a_strict_one_gives_nothing_when_one_is_missing(client: APIClient, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        sources = dimse("North", port), dimse("Gone", refused_port())
        asked = ask(client, federate(*sources, failure_strategy=FailureStrategy.STRICT))
        wait_until(lambda: is_finished(client, asked))

    response = client.get(asked["results_url"])
    assert response.status_code == 502
    assert [one["state"] for one in response.json()["sources"]] == ["ok", "error"]


def test_more_than_there_is_room_for(
    client: APIClient, dimse: Make, federate: Federate, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr("spanner.later._places", threading.BoundedSemaphore(1))
    with dimse_archive([study(1)]) as (port, archive):
        archive.gate.clear()
        config = federate(dimse("North", port))
        asked = ask(client, config)
        full = client.get(f"{V1}/spanner/qido/studies?spanner_config_id={config.pk}&async=true")
        assert (full.status_code, full["Retry-After"]) == (503, "2")
        archive.gate.set()
        wait_until(lambda: is_finished(client, asked))


def test_nothing_else_is_taken(client: APIClient, dimse: Make, federate: Federate) -> None:
    query = lost(federate(dimse("North", 104)), "anna")
    path = f"{V1}/spanner/queries/{query.pk}/results"

    for given, field in (("limit=x", "limit"), ("PatientID=1", "PatientID"), ("orderby=PatientID", "orderby")):
        response = client_of("administrator").get(f"{path}?{given}")
        assert (response.status_code, list(response.json()["errors"])) == (400, [field])
    assert client.get(f"{V1}/spanner/queries/{'0' * 32}/results").status_code == 404
