"""QIDO-RS: resources, parameters and answers (PS3.18 8.3.4, 10.6)."""

import json
from typing import Any

import pytest
from django.test import Client

from studies.dicomweb import qido_parameters
from tests.api_clients import client_of, key_client
from tests.factories import InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
ROOT = "/dicom-web"


@pytest.fixture
def client() -> Client:
    return client_of("viewer")


@pytest.fixture
def study() -> Any:
    return StudyFactory.create(
        study_instance_uid="1.2.3",
        patient_id="P1",
        patient_name="Müller^Jürgen=王^小東",
        accession_number="",
        modalities_in_study="\\CT\\SR\\",
        number_of_study_related_series=2,
        number_of_study_related_instances=3,
        tier="cold",
    )


def found(client: Client, path: str, status: int = 200) -> Any:
    response = client.get(f"{ROOT}/{path}")
    assert response.status_code == status, response.content
    return json.loads(response.content) if response.content else None


def uids(client: Client, path: str) -> list[str]:
    return [one["0020000D"]["Value"][0] for one in found(client, path)]


def test_a_study_is_an_object_of_the_json_model(client: Client, study: Any) -> None:
    (one,) = found(client, "studies?PatientID=P1")
    assert one["0020000D"] == {"vr": "UI", "Value": ["1.2.3"]}
    name = {"Alphabetic": "Müller^Jürgen", "Ideographic": "王^小東"}
    assert one["00100010"] == {"vr": "PN", "Value": [name]}
    assert one["00080050"] == {"vr": "SH"}
    assert one["00080061"] == {"vr": "CS", "Value": ["CT", "SR"]}
    assert one["00201208"] == {"vr": "IS", "Value": [3]}
    assert one["00080056"] == {"vr": "CS", "Value": ["NEARLINE"]}
    assert one["00081190"] == {"vr": "UR", "Value": [f"http://testserver{ROOT}/studies/1.2.3"]}
    assert one["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
    assert list(one) == sorted(one)


def test_each_resource_is_narrowed_by_its_address(client: Client, study: Any) -> None:
    series = SeriesFactory.create(study=study, series_instance_uid="1.2.3.1", series_number="007")
    other = SeriesFactory.create(series_instance_uid="9.1")
    instance = InstanceFactory.create(series=series, sop_instance_uid="1.2.3.1.1", instance_number="odd")
    InstanceFactory.create(series=other)
    InstanceFactory.create(series=series, sop_instance_uid="1.2.3.1.1", is_primary=False)
    (of_study,) = found(client, "studies/1.2.3/series")
    assert of_study["0020000E"]["Value"] == ["1.2.3.1"]
    assert of_study["00200011"] == {"vr": "IS", "Value": [7]}
    assert "00100020" not in of_study
    assert {one["00100020"]["vr"] for one in found(client, "series")} == {"LO"}
    (of_series,) = found(client, "studies/1.2.3/series/1.2.3.1/instances")
    assert of_series["00080018"]["Value"] == [instance.sop_instance_uid]
    assert of_series["00280010"] == {"vr": "US", "Value": [512]}
    assert of_series["00200013"] == {"vr": "IS", "Value": ["odd"]}
    assert of_series["00081190"]["Value"] == [
        f"http://testserver{ROOT}/studies/1.2.3/series/1.2.3.1/instances/1.2.3.1.1"
    ]
    assert len(found(client, "studies/1.2.3/instances")) == 1
    assert len(found(client, "instances")) == 2
    assert found(client, "studies/9.9/series", 204) is None


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("PatientID=P1", True),
        ("00100020=P1", True),
        ("PatientID=p1", False),
        ("PatientName=m%C3%9Cller*", True),
        ("PatientName=muller", False),
        ("PatientName=muller&fuzzymatching=true", True),
        ("PatientName=muller&fuzzymatching=false", False),
        ("StudyInstanceUID=1.2.3,9.9", True),
        ("StudyInstanceUID=9.9%5C1.2.3", True),
        ("StudyInstanceUID=9.9", False),
        ("ModalitiesInStudy=SR", True),
        ("ModalitiesInStudy=MR,SR", True),
        ("ModalitiesInStudy=S", False),
        ("ModalitiesInStudy=S*", True),
        ("StudyDate=20261120", True),
        ("StudyDate=20261120-&StudyTime=-11", True),
        ("StudyDate=20261119-20261120&StudyTime=12-1010", False),
        ("StudyDate=20261119-20261120&StudyTime=12-1011", True),
        ("AccessionNumber=%22%22", True),
        ("PatientID=%22%22&emptyvaluematching=true", False),
        ("Modality=CT", True),
        ("Modality=MR", False),
        ("Modality=CT&SOPClassUID=1.2.840.10008.5.1.4.1.1.2", True),
        ("SOPClassesInStudy=1.2.840.10008.5.1.4.1.1.2", True),
        ("SOPClassesInStudy=1.2.840.10008.5.1.4.1.1.4", False),
        ("limit=1000000000", True),
        ("offset=1000000000", False),
        ("limit=0", False),
        ("PatientName=*&StudyDate=", True),
        ("PatientID=P%25", False),
        ("PatientID=" + "*" * 100, True),
        ("PatientName=" + "*a" * 100 + "*b", False),
    ],
)
def test_a_search_finds(client: Client, study: Any, query: str, is_found: bool) -> None:
    InstanceFactory.create(series__study=study)
    assert (found(client, f"studies?{query}", 200 if is_found else 204) is not None) is is_found


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("offset=-1", "offset"),
        ("PatientNam=X", "PatientNam"),
        ("PatientID=1&PatientID=2", "PatientID"),
        ("PatientID=1&00100020=2", "00100020"),
        ("00091001=X", "00091001"),
        ("PixelSpacing=1", "PixelSpacing"),
        ("RequestAttributesSequence.ScheduledProcedureStepID=1", "RequestAttributesSequence.ScheduledProcedureStepID"),
        ("NumberOfStudyRelatedSeries=1", "NumberOfStudyRelatedSeries"),
        ("StudyDate=yesterday", "StudyDate"),
        ("StudyDate=20270101-20260101", "StudyDate"),
        ("fuzzymatching=maybe", "fuzzymatching"),
        ("includefield=Nonsense", "includefield"),
        ("orderby=Nonsense", "orderby"),
        ("orderby=Modality", "orderby"),
        ("&".join(f"a{n}=1" for n in range(2000)), "query"),
        ("PatientName=%ff", "query"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(client: Client, query: str, name: str) -> None:
    response = client.get(f"{ROOT}/studies?{query}")
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert name in response.json()["errors"]


def test_included_fields(client: Client, study: Any) -> None:
    (plain,) = found(client, "studies?PatientID=P1")
    assert "00080080" not in plain
    for query in ("includefield=InstitutionName", "includefield=00080080,PixelSpacing", "includefield=all"):
        (one,) = found(client, f"studies?PatientID=P1&{query}")
        assert one["00080080"] == {"vr": "LO"}
    InstanceFactory.create(series__study=study)
    (one,) = found(client, "studies?includefield=SOPClassesInStudy")
    assert one["00080062"] == {"vr": "UI", "Value": ["1.2.840.10008.5.1.4.1.1.2"]}


def test_pages_say_what_is_left(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        StudyFactory.create(study_instance_uid=f"1.{number}", study_date=f"2026112{number}")
    response = client.get(f"{ROOT}/studies?limit=2&offset=1")
    assert [one["0020000D"]["Value"][0] for one in response.json()] == ["1.3", "1.2"]
    assert response["X-Total-Count"] == "5"
    assert response["Warning"] == (
        '299 http://testserver/dicom-web/ "There are 2 additional results that can be requested"'
    )
    assert "Warning" not in client.get(f"{ROOT}/studies?limit=5")
    assert client.get(f"{ROOT}/studies?offset=9")["X-Total-Count"] == "5"
    monkeypatch.setattr(qido_parameters, "MAXIMUM_RESULTS", 3)
    capped = client.get(f"{ROOT}/studies?limit=1000000000")
    assert len(capped.json()) == 3
    assert "2 additional" in capped["Warning"]
    named = client.get(f"{ROOT}/studies?PatientName=ex*&limit=1")
    assert (named["X-Total-Count"], len(named.json())) == ("5", 1)


def test_order(client: Client) -> None:
    for number in (2, 1, 3):
        StudyFactory.create(study_instance_uid=f"1.{number}", patient_id=f"P{number}", study_date="20261120")
    assert uids(client, "studies?orderby=PatientID") == ["1.1", "1.2", "1.3"]
    assert uids(client, "studies?orderby=StudyDate,-00100020") == ["1.3", "1.2", "1.1"]


@pytest.mark.parametrize(
    ("accept", "status", "media_type"),
    [
        ("application/dicom+json", 200, "application/dicom+json"),
        ("application/json", 200, "application/json"),
        ("*/*", 200, "application/dicom+json"),
        ("application/json;q=0.5, application/dicom+json", 200, "application/dicom+json"),
        ('multipart/related; type="application/dicom+xml"', 406, "application/problem+json"),
        ("text/html", 406, "application/problem+json"),
        ("\x01", 400, "application/problem+json"),
    ],
)
def test_accept(client: Client, study: Any, accept: str, status: int, media_type: str) -> None:
    response = client.get(f"{ROOT}/studies", HTTP_ACCEPT=accept)
    assert (response.status_code, response["Content-Type"]) == (status, media_type)


def test_who_may_search(study: Any) -> None:
    assert client_of(None).get(f"{ROOT}/studies").status_code == 401
    assert key_client("metrics").get(f"{ROOT}/studies").status_code == 403
    assert key_client("viewer").get(f"{ROOT}/studies").status_code == 200
    assert client_of("viewer").get(f"{ROOT}/studies").status_code == 200
    assert client_of("viewer").post(f"{ROOT}/studies/1.2.3/series").status_code == 405


def test_a_search_costs_few_queries(study: Any, django_assert_num_queries: Any) -> None:
    client = key_client("viewer")
    client.get(f"{ROOT}/studies?PatientID=P1")  # once a minute it is noted that the key was used
    with django_assert_num_queries(2):  # the key, the studies
        client.get(f"{ROOT}/studies?PatientID=P1")
    StudyFactory.create()
    with django_assert_num_queries(3):  # and how many there are
        client.get(f"{ROOT}/studies?limit=1")
