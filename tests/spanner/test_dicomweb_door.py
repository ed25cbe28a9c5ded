"""DICOMweb under ``/dicom-web/span/<name>/``: searches everywhere, reading what is here (PS3.18 10)."""

import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from spanner import bring
from spanner.models import FailureStrategy, Source
from tests.api_clients import client_of, key_client
from tests.peers import Listener, refused_port, silent_port
from tests.spanner.archives import dicomweb_archive, dimse_archive, study
from tests.spanner.conftest import Federate
from tests.studies.dicomweb.archive import address, small_series

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]
ROOT = "/dicom-web/span/all"


@pytest.fixture
def client() -> Client:
    return client_of("viewer")


def rows(response: Any) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.content
    return list(json.loads(response.content))


def test_studies_of_all_sources_are_one_answer(client: Client, dimse: Make, dicomweb: Make, federate: Federate) -> None:
    with dimse_archive([study(1), study(2)]) as (port, _), dicomweb_archive([study(2), study(3)]) as (url, _):
        federate(dimse("North", port), dicomweb("Süd", url), ae_title="ALL")
        response = client.get(f"{ROOT}/studies?PatientID=P1&includefield=RetrieveAETitle&orderby=StudyInstanceUID")
    found = rows(response)
    assert [row["0020000D"]["Value"][0] for row in found] == ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
    assert found[1]["00080054"] == {"vr": "AE", "Value": ["ALL", "PEER"]}
    assert found[0]["00081190"] == {"vr": "UR", "Value": [f"http://testserver{ROOT}/studies/1.2.3.1"]}
    assert found[0]["00100010"] == {"vr": "PN", "Value": [{"Alphabetic": "Doe^P1"}]}
    assert list(found[0]) == sorted(found[0])
    assert response["Content-Type"] == "application/dicom+json"
    assert response["X-Total-Count"] == "3"
    assert "Warning" not in response
    north, south = response["X-Gantry-Sources"].split(", ")
    assert north.startswith('"North";state=ok;count=2;ms=')
    assert south.startswith('"S%C3%BCd";state=ok;count=2;ms=')


def test_pages_say_how_many_there_are(client: Client, dimse: Make, federate: Federate) -> None:
    items = [study(number, StudyDate=f"2026010{number}") for number in range(1, 6)]
    with dimse_archive(items) as (port, _):
        federate(dimse("North", port))
        response = client.get(f"{ROOT}/studies?limit=2&offset=1")
        nothing = client.get(f"{ROOT}/studies?PatientID=NOBODY")
    assert [row["0020000D"]["Value"][0] for row in rows(response)] == ["1.2.3.4", "1.2.3.3"]
    assert response["X-Total-Count"] == "5"
    words = "There are 2 additional results that can be requested"
    assert response["Warning"] == f'299 http://testserver{ROOT}/ "{words}"'
    assert (nothing.status_code, nothing.content, nothing["X-Total-Count"]) == (204, b"", "0")


def test_series_and_instances_are_narrowed_by_the_address(client: Client, dimse: Make, federate: Federate) -> None:
    series = {"StudyInstanceUID": "1.2", "SeriesInstanceUID": "1.2.1", "Modality": "CT"}
    instance = series | {"SOPInstanceUID": "1.2.1.1", "InstanceNumber": "7"}
    with dimse_archive([series]) as (port, archive):
        federate(dimse("North", port))
        (found,) = rows(client.get(f"{ROOT}/studies/1.2/series?includefield=00080021"))
        assert found["00081190"]["Value"] == [f"http://testserver{ROOT}/studies/1.2/series/1.2.1"]
        assert found["00080060"]["Value"] == ["CT"]
        assert rows(client.get(f"{ROOT}/series?StudyInstanceUID=1.2")) == rows(client.get(f"{ROOT}/studies/1.2/series"))
        archive.items = [instance]
        for path in ("studies/1.2/series/1.2.1/instances", "studies/1.2/instances?SeriesInstanceUID=1.2.1"):
            (found,) = rows(client.get(f"{ROOT}/{path}"))
            where = "studies/1.2/series/1.2.1/instances/1.2.1.1"
            assert found["00081190"]["Value"] == [f"http://testserver{ROOT}/{where}"]
    assert client.get(f"{ROOT}/series").status_code == 400


def test_who_is_missing_stands_in_the_answer(client: Client, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _), silent_port() as silent:
        sources = dimse("North", port), dimse('The "Gone"', refused_port()), dimse("Silent", silent, timeout_seconds=1)
        federate(*sources)
        response = client.get(f"{ROOT}/studies?PatientID=P1&fuzzymatching=true")
    assert len(rows(response)) == 1
    warning = response["Warning"]
    service = f"299 http://testserver{ROOT}/"
    literal = "The fuzzymatching parameter is not supported. Only literal matching has been performed."
    assert warning.startswith(f'{service} "{literal}", {service} "The \\"Gone\\" (error): ')
    assert f'{service} "Silent (timeout): it did not answer within ' in warning
    states = [part.split(";")[1] for part in response["X-Gantry-Sources"].split(", ")]
    assert states == ["state=ok", "state=error", "state=timeout"]


def test_two_patients_with_one_study_uid_are_both_given_and_said(
    client: Client, dimse: Make, federate: Federate
) -> None:
    with dimse_archive([study(1, "P1")]) as (one, _), dimse_archive([study(1, "P2")]) as (other, _):
        federate(dimse("North", one), dimse("South", other))
        response = client.get(f"{ROOT}/studies?StudyInstanceUID=1.2.3.1")
    assert sorted(row["00100020"]["Value"][0] for row in rows(response)) == ["P1", "P2"]
    assert "Two patients have the same UID" in response["Warning"]


def test_strict_fails_with_a_problem_that_names_the_missing(client: Client, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _), silent_port() as silent:
        north = dimse("North", port)
        strict = FailureStrategy.STRICT
        federate(north, dimse("Gone", refused_port()), failure_strategy=strict)
        federate(north, dimse("Silent", silent, timeout_seconds=1), name="late", failure_strategy=strict)
        failed, late = client.get(f"{ROOT}/studies"), client.get("/dicom-web/span/late/studies")
    assert (failed.status_code, late.status_code) == (502, 504)
    assert failed["Content-Type"] == "application/problem+json"
    problem = failed.json()
    assert "Gone (error)" in problem["detail"]
    assert [source["state"] for source in problem["sources"]] == ["ok", "error"]


@pytest.mark.parametrize(
    ("query", "name"),
    [("nonsense=1", "nonsense"), ("limit=x", "limit"), ("StudyDate=yesterday", "StudyDate"), ("Rows=1", "Rows")],
)
def test_a_parameter_that_means_nothing_is_refused(client: Client, federate: Federate, query: str, name: str) -> None:
    federate()
    response = client.get(f"{ROOT}/studies?{query}")
    assert response.status_code == 400
    assert list(response.json()["errors"]) == [name]


def test_only_who_may_read_comes_in_and_nobody_writes(client: Client, federate: Federate) -> None:
    config = federate()
    assert client_of(None).get(f"{ROOT}/studies").status_code == 401
    assert client.get("/dicom-web/span/other/studies").status_code == 404
    assert key_client("viewer").get(f"{ROOT}/sources").status_code == 200
    for path in ("studies", "studies/1.2", "studies/1.2/series/1.2.1"):
        assert client_of("administrator").post(f"{ROOT}/{path}").status_code == 405
        assert client_of("administrator").delete(f"{ROOT}/{path}").status_code == 405
    config.is_enabled = False
    config.save()
    assert client.get(f"{ROOT}/studies").status_code == 404


def test_the_sources_say_how_they_did(client: Client, dimse: Make, federate: Federate) -> None:
    with dimse_archive([study(1)]) as (port, _):
        federate(dimse("North", port), dimse("Gone", refused_port()), dimse("Off", 104, is_enabled=False))
        for _ in range(3):
            client.get(f"{ROOT}/studies")
        told = client.get(f"{ROOT}/sources").json()
    north, gone, off = told["sources"]
    assert (north["name"], north["state"], north["priority"]) == ("North", "ok", 0)
    assert north["last_success_at"] is not None
    assert (gone["state"], gone["last_success_at"]) == ("open", None)
    assert "failed 3 times in a row" in gone["words"]
    assert off["state"] == "off"


def test_the_service_says_what_it_can(client: Client, federate: Federate) -> None:
    federate()
    told = client.get(f"{ROOT}/", headers={"Accept": "application/json"}).json()
    assert told["base"] == f"http://testserver{ROOT}/"
    methods = {resource["path"]: resource["methods"] for resource in told["resources"]}
    assert methods["studies"] == ["GET"]
    assert "sources" in methods
    assert all(set(each) <= {"GET", "OPTIONS"} for each in methods.values())


def test_what_is_here_is_read_as_from_the_archive(
    client: Client, listener: Listener, federate: Federate, tmp_path: Path
) -> None:
    federate()
    row = small_series(listener.spool, tmp_path)[0]
    for more in ("", "/metadata", "/frames/1", "/rendered"):
        here = address(row, more)
        there = here.replace("/dicom-web/", f"{ROOT}/")
        own, federated = client.get(here), client.get(there)
        assert (federated.status_code, federated["Content-Type"].split(";")[0]) == (
            200,
            own["Content-Type"].split(";")[0],
        )
    for path in (here.partition("/instances/")[0], here.partition("/series/")[0]):
        own, federated = (
            client.get(f"{path}/metadata"),
            client.get(f"{path}/metadata".replace("/dicom-web/", f"{ROOT}/")),
        )
        assert federated.status_code == 200
        assert json.loads(federated.getvalue()) == json.loads(own.getvalue())
    series = row.series
    uids = f"studyUID={series.study.study_instance_uid}&seriesUID={series.series_instance_uid}"
    wado = client.get(f"{ROOT}/wado?requestType=WADO&{uids}&objectUID={row.sop_instance_uid}")
    assert (wado.status_code, wado["Content-Type"]) == (200, "image/jpeg")


@pytest.mark.parametrize(
    "path",
    [
        "studies/9.9/metadata",
        "studies/9.9/series/9.9.1/instances/9.9.1.1/frames/1",
        "wado?requestType=WADO&studyUID=9.9&seriesUID=9.9.1&objectUID=9.9.1.1",
    ],
)
def test_what_is_elsewhere_is_said_not_to_come_or_to_be_on_its_way(
    fetching: None, client: Client, federate: Federate, settings: Settings, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    config = federate()
    response = client.get(f"{ROOT}/{path}")
    assert response.status_code == 502
    assert "The study could not be had: " in response.json()["detail"]
    settings.GANTRY = replace(settings.GANTRY, span_wait_seconds=0)
    monkeypatch.setitem(bring._under_way, (config.pk, "9.9"), Future())  # somebody waits for it already
    response = client.get(f"{ROOT}/{path}")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "on its way" in response.json()["detail"]
