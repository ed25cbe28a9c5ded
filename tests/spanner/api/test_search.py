"""Federated searches by the API: real archives on loopback, one answer, and the truth about it."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from spanner.models import FailureStrategy, Query, Source, SourceKind
from tests.api_clients import V1, client_of, key_client
from tests.factories import StudyFactory
from tests.peers import refused_port, silent_port
from tests.spanner.archives import Item, dicomweb_archive, dimse_archive, study
from tests.spanner.conftest import Federate

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]
PATH = f"{V1}/spanner/qido"


@pytest.fixture
def client() -> APIClient:
    return client_of("viewer")


def uids(answer: dict[str, Any]) -> list[str]:
    return [row["0020000D"]["Value"][0] for row in answer["results"]]


def series(number: int) -> Item:
    return {"StudyInstanceUID": "1.2.3.1", "SeriesInstanceUID": f"1.2.3.1.{number}", "SeriesNumber": str(number)}


def instance(number: int) -> Item:
    return series(1) | {"SOPInstanceUID": f"1.2.3.1.1.{number}", "InstanceNumber": str(number)}


def test_three_kinds_of_archives_answer_as_one(
    client: APIClient, dimse: Make, dicomweb: Make, federate: Federate
) -> None:
    StudyFactory(study_instance_uid="1.2.3.7", patient_id="P1")
    here = Source.objects.create(name="Here", kind=SourceKind.LOCAL)
    with (
        dimse_archive([study(1), study(2, StudyDescription="Thorax")]) as (port, _),
        dicomweb_archive([study(2, StudyDescription="Chest"), study(3)]) as (url, _),
    ):
        config = federate(dimse("North", port), dicomweb("South", url), here)
        response = client.get(f"{PATH}/studies?PatientID=P1&spanner_config_id={config.pk}&includefield=00081030")

    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "no-store"
    assert "Warning" not in response
    answer = response.json()
    assert set(answer) == {"results", "sources", "is_complete", "total", "provenance"}
    assert sorted(uids(answer)) == ["1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.7"]
    assert (answer["is_complete"], answer["total"]) == (True, 4)
    assert [(one["name"], one["state"], one["count"]) for one in answer["sources"]] == [
        ("North", "ok", 2),
        ("South", "ok", 2),
        ("Here", "ok", 1),
    ]
    assert set(answer["sources"][0]) == {"name", "state", "count", "milliseconds", "error", "age_seconds"}
    both = answer["provenance"][uids(answer).index("1.2.3.2")]
    assert both == {"sources": ["North", "South"], "is_conflicting": False, "differing": ["00081030"]}


def test_a_federation_by_its_name(client: APIClient, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        federate(dimse("North", port))
        answer = client.get(f"{PATH}/studies/?00100020=P*&spanner_config=all").json()

    assert uids(answer) == ["1.2.3.1"]


def test_series_and_instances_of_a_study(client: APIClient, dimse: Make, dicomweb: Make, federate: Federate) -> None:
    for level, items in (("series", [series(2), series(1)]), ("instances", [instance(2), instance(1)])):
        with dicomweb_archive(items) as (url, archive):
            config = federate(dicomweb(f"South {level}", url), name=level)
            answer = client.get(f"{PATH}/{level}?StudyInstanceUID=1.2.3.1&spanner_config_id={config.pk}").json()

        assert answer["total"] == 2
        assert archive.asked[0]["StudyInstanceUID"] == "1.2.3.1"
        number = "00200011" if level == "series" else "00200013"
        assert [row[number]["Value"][0] for row in answer["results"]] == ["1", "2"]


def test_pages_and_order(client: APIClient, dimse: Make, federate: Federate) -> None:
    items = [study(number, f"P{number % 2}", AccessionNumber=f"A{9 - number}") for number in range(1, 6)]
    with dimse_archive(items) as (port, _):
        config = federate(dimse("North", port))
        path = f"{PATH}/studies?spanner_config_id={config.pk}"
        page = client.get(f"{path}&orderby=AccessionNumber&limit=2&offset=1")
        descending = client.get(f"{path}&orderby=PatientID,-AccessionNumber").json()
        none = client.get(f"{path}&limit=0").json()

    assert uids(page.json()) == ["1.2.3.4", "1.2.3.3"]
    assert page.json()["total"] == 5
    assert len(page.json()["provenance"]) == 2
    assert "2 additional results" in page["Warning"]
    assert uids(descending) == ["1.2.3.2", "1.2.3.4", "1.2.3.1", "1.2.3.3", "1.2.3.5"]
    assert (none["results"], none["total"], none["is_complete"]) == ([], 5, True)


def test_a_missing_source_is_named_everywhere(client: APIClient, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _), silent_port() as silent:
        gone = dimse("“Gone”\r\nX: y", refused_port())
        config = federate(dimse("North", port), gone, dimse("Silent", silent, timeout_seconds=1))
        response = client.get(f"{PATH}/studies?PatientID=P1&spanner_config_id={config.pk}")

    assert response.status_code == 200
    answer = response.json()
    assert uids(answer) == ["1.2.3.1"]
    assert answer["is_complete"] is False
    assert [one["state"] for one in answer["sources"]] == ["ok", "error", "timeout"]
    assert all(one["error"] for one in answer["sources"][1:])
    assert response["Warning"].startswith("299 ")
    assert "not complete" in response["Warning"]
    assert "Silent (timeout)" in response["Warning"]
    assert not {"\r", "\n"} & set(response["Warning"])
    assert "X" not in response


@pytest.mark.parametrize("strategy", [FailureStrategy.STRICT, FailureStrategy.FAIL])
def test_too_few_answered(client: APIClient, dimse: Make, federate: Federate, strategy: str) -> None:
    config = federate(dimse("Gone", refused_port()), failure_strategy=strategy)

    response = client.get(f"{PATH}/studies?spanner_config_id={config.pk}")

    assert response.status_code == 502
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert (problem["type"], problem["status"]) == ("/problems/sources-failed", 502)
    assert "Gone (error)" in problem["detail"]
    assert [(one["name"], one["state"]) for one in problem["sources"]] == [("Gone", "error")]


def test_too_few_answered_in_time(client: APIClient, dimse: Make, federate: Federate) -> None:
    with silent_port() as silent:
        config = federate(dimse("Silent", silent, timeout_seconds=1), failure_strategy=FailureStrategy.STRICT)
        response = client.get(f"{PATH}/studies?spanner_config_id={config.pk}")

    assert (response.status_code, response.json()["type"]) == (504, "/problems/sources-late")


def test_two_patients_with_one_uid_both_stand_in_it(client: APIClient, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1, "P1")]) as (one, _), dimse_archive([study(1, "P2")]) as (other, _):
        config = federate(dimse("North", one), dimse("South", other))
        answer = client.get(f"{PATH}/studies?StudyInstanceUID=1.2.3.1&spanner_config_id={config.pk}").json()

    assert uids(answer) == ["1.2.3.1", "1.2.3.1"]
    assert [one["is_conflicting"] for one in answer["provenance"]] == [True, True]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "spanner_config_id"),
        ("spanner_config_id=one", "spanner_config_id"),
        ("spanner_config_id=1&spanner_config_id=2", "spanner_config_id"),
        ("spanner_config_id=1&spanner_config=all", "spanner_config"),
        ("spanner_config=all&async=perhaps", "async"),
        ("spanner_config=all&PatientNmae=X", "PatientNmae"),
        ("spanner_config=all&PatientID=A&00100020=B", "00100020"),
        ("spanner_config=all&PatientID=A&PatientID=B", "PatientID"),
        ("spanner_config=all&StudyDate=yesterday", "StudyDate"),
        ("spanner_config=all&limit=-1", "limit"),
        ("spanner_config=all&offset=x", "offset"),
        ("spanner_config=all&includefield=Nonsense", "includefield"),
        ("spanner_config=all&orderby=Nonsense", "orderby"),
        ("spanner_config=all&fuzzymatching=maybe", "fuzzymatching"),
        ("spanner_config=all&SeriesNumber=1", "SeriesNumber"),
        ("spanner_config=all&NumberOfStudyRelatedSeries=1", "NumberOfStudyRelatedSeries"),
        ("spanner_config=all&PatientName=%FF", "query"),
    ],
)
def test_what_a_search_does_not_take(client: APIClient, federate: Federate, query: str, field: str) -> None:
    federate()

    response = client.get(f"{PATH}/studies?{query}")

    assert response.status_code == 400, response.content
    assert list(response.json()["errors"]) == [field]


@pytest.mark.parametrize("level", ["series", "instances"])
def test_a_search_below_studies_names_one(client: APIClient, federate: Federate, level: str) -> None:
    federate()

    response = client.get(f"{PATH}/{level}?spanner_config=all")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == ["StudyInstanceUID"]


def test_a_federation_that_is_not_there_or_off(client: APIClient, federate: Federate) -> None:
    off = federate(name="off", is_enabled=False)

    assert client.get(f"{PATH}/studies?spanner_config_id=999999").status_code == 404
    assert client.get(f"{PATH}/studies?spanner_config_id=999999999999999999").status_code == 404
    assert client.get(f"{PATH}/studies?spanner_config=none").status_code == 404
    response = client.get(f"{PATH}/studies?spanner_config_id={off.pk}")
    assert (response.status_code, response.json()["type"]) == (409, "/problems/conflict")


def test_a_federation_without_sources_has_no_complete_answer(client: APIClient, federate: Federate) -> None:
    federate()

    response = client.get(f"{PATH}/studies?spanner_config=all")

    assert response.status_code == 502
    assert "no sources" in response.json()["detail"]


def test_modalities_are_found_by_either_name(client: APIClient, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1), study(2, ModalitiesInStudy="MR")]) as (port, archive):
        federate(dimse("North", port))
        answer = client.get(f"{PATH}/studies?Modality=MR&spanner_config=all").json()

    assert uids(answer) == ["1.2.3.2"]
    assert archive.asked[0]["ModalitiesInStudy"] == "MR"


def test_who_asked_is_on_record_and_no_value_is(dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        federate(dimse("North", port))
        key_client("viewer").get(f"{PATH}/studies?PatientID=P1&spanner_config=all")

    asked = Query.objects.get()
    assert (asked.door, asked.asked_by, asked.keys) == ("api", "API key test program", "PatientID")
    assert asked.content is None
    assert not asked.answers.exists()


def test_any_format_may_be_asked_for(client: APIClient, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        federate(dimse("North", port))
        response = client.get(f"{PATH}/studies?spanner_config=all", HTTP_ACCEPT="application/dicom+json")

    assert response.status_code == 200
