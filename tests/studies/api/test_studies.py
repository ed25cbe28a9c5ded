"""Studies by the API: list, filters, one study, its instances, files and location."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from gateway.env import Environment
from studies.labels import give_labels
from studies.models import Study
from tests.api_clients import V1, client_of, key_client
from tests.corpus import data_set, data_set_bytes, write_part10
from tests.factories import ConflictFactory, IdentityClashFactory, InstanceFactory, SeriesFactory, StudyFactory

pytestmark = pytest.mark.django_db
NAMED_BY_THE_CONTRACT = {
    "study_instance_uid",
    "patient_id",
    "patient_name",
    "accession_number",
    "study_date",
    "modalities_in_study",
    "number_of_study_related_series",
    "number_of_study_related_instances",
    "tier",
}


@pytest.fixture
def client() -> APIClient:
    return client_of("viewer")


def uids(client: APIClient, query: str = "") -> list[str]:
    response = client.get(f"{V1}/studies?{query}")
    assert response.status_code == 200, response.content
    return [study["study_instance_uid"] for study in response.json()["results"]]


def test_a_study_in_the_list(client: APIClient) -> None:
    study = StudyFactory.create(modalities_in_study="\\CT\\SR\\")

    answer = client.get(f"{V1}/studies/").json()

    assert {key: answer[key] for key in ("count", "next", "previous")} == {"count": 1, "next": None, "previous": None}
    (shown,) = answer["results"]
    assert set(shown) >= NAMED_BY_THE_CONTRACT
    assert shown["study_instance_uid"] == study.study_instance_uid
    assert shown["study_date"] == "2026-11-20"
    assert shown["modalities_in_study"] == ["CT", "SR"]
    assert shown["tier"] == "hot"


@pytest.mark.parametrize("sent", ["", "2026", "20261332", "20260230", "yesterday", "2026.1.1"])
def test_a_date_that_is_none_is_shown_as_it_was_sent(client: APIClient, sent: str) -> None:
    study = StudyFactory.create(study_date=sent[:8])

    assert client.get(f"{V1}/studies/{study.study_instance_uid}").json()["study_date"] == sent[:8]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("patient_id=0001", "a"),
        ("patient_id=pat*1", "a"),
        ("patient_name=anna+muster", "a"),
        ("accession_number=B-?", "b"),
        ("modality=MR", "b"),
        ("modality=MR,CT", "ab"),
        ("study_date_from=2026-11-02", "b"),
        ("study_date_to=20261101", "a"),
        ("study_date_from=2026-11-01&study_date_to=2026-11-02", "ab"),
        ("description=knee", "b"),
        ("tier=cold", "b"),
        ("sender=MR1", "b"),
        ("sender=MR", ""),
        ("sender=m*", "b"),
        ("received_from=2100-01-01T00:00:00Z", ""),
        ("received_to=2100-01-01T00:00:00Z", "ab"),
        ("is_complete=false", "ab"),
        ("is_complete=true", ""),
        ("label=teaching", ""),
        ("q=muster", "a"),
        ("q=muster+knee", ""),
        ("patient_id=%25", ""),
        ("patient_id=&q=", "ab"),
    ],
)
def test_filters(client: APIClient, query: str, found: str) -> None:
    StudyFactory.create(
        study_instance_uid="1.1",
        patient_id="PAT0001",
        patient_name="Muster^Anna",
        study_date="20261101",
        accession_number="A-1",
    )
    StudyFactory.create(
        study_instance_uid="1.2",
        patient_id="PAT0002",
        patient_name="Example^Bert",
        study_date="20261102",
        accession_number="B-2",
        modalities_in_study="\\MR\\",
        study_description="MR Knee",
        tier="cold",
        calling_ae_title="MR1",
    )

    assert sorted(uids(client, query)) == [{"a": "1.1", "b": "1.2"}[letter] for letter in found]


def test_pages_are_whole_and_without_doubles(client: APIClient) -> None:
    now = timezone.now()
    for _ in range(7):
        StudyFactory.create(received_at=now, study_date="20260101")

    for ordering in ("", "&ordering=study_date", "&ordering=-study_date"):
        pages = [uids(client, f"page_size=3&page={page}{ordering}") for page in (1, 2, 3)]
        assert [len(page) for page in pages] == [3, 3, 1]
        assert len({uid for page in pages for uid in page}) == 7


def test_the_newest_comes_first_unless_another_order_is_asked_for(client: APIClient) -> None:
    now = timezone.now()
    StudyFactory.create(study_instance_uid="1.1", received_at=now - timedelta(days=1), patient_id="B")
    StudyFactory.create(study_instance_uid="1.2", received_at=now, patient_id="A")

    assert uids(client) == ["1.2", "1.1"]
    assert uids(client, "ordering=-patient_id") == ["1.1", "1.2"]


def test_the_number_of_queries_is_constant(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        StudyFactory.create()

    with django_assert_num_queries(4):  # session, user, count, page
        client.get(f"{V1}/studies")


def test_one_study_with_its_series(client: APIClient, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    study = StudyFactory.create()
    for _ in range(5):
        SeriesFactory.create(study=study, series_date="20261120")

    give_labels((study.pk, label, "Emergencies") for label in ("urgent", "teaching", "urgent"))
    with django_assert_num_queries(5):
        answer = client.get(f"{V1}/studies/{study.study_instance_uid}/").json()

    assert answer["study_instance_uid"] == study.study_instance_uid
    assert answer["labels"] == ["teaching", "urgent"]
    assert [series["modality"] for series in answer["series"]] == ["CT"] * 5
    assert answer["series"][0]["series_date"] == "2026-11-20"


def test_its_instances(client: APIClient, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    series = SeriesFactory.create()
    mine = [InstanceFactory.create(series=series) for _ in range(5)]
    InstanceFactory.create()
    path = f"{V1}/studies/{series.study.study_instance_uid}/instances"

    with django_assert_num_queries(6):
        answer = client.get(f"{path}?page_size=3").json()

    assert answer["count"] == 5
    assert [each["sop_instance_uid"] for each in answer["results"]] == [each.sop_instance_uid for each in mine[:3]]
    assert answer["results"][0]["series_instance_uid"] == series.series_instance_uid
    assert client.get(f"{path}?patient_id=x").status_code == 400
    assert client.get(f"{V1}/studies/1.2.3/instances").status_code == 404


def stored(home: Environment, **given: Any) -> tuple[str, bytes]:
    """The path of an instance's file in the API, and the bytes of its file in the hot store."""
    uid = "1.2.840.99"
    path = write_part10(
        home.storage, data_set(sop_instance_uid=uid.encode(), late=b"\xe0\x7f\x10\x00OB\0\0\x04\0\0\0\1\2\3\4"), uid=uid
    )
    instance = InstanceFactory.create(sop_instance_uid=uid, location=path.name, **given)
    return f"{V1}/studies/{instance.series.study.study_instance_uid}/instances/{uid}/file", path.read_bytes()


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_a_file_is_the_stored_one_byte_by_byte(client: APIClient, home: Environment, tmp_path: Path) -> None:
    path, content = stored(home)

    response = client.get(path)

    assert response["Content-Type"] == "application/dicom"
    assert response["Content-Disposition"] == 'attachment; filename="1.2.840.99.dcm"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Length"] == str(len(content))
    got = tmp_path / "got.dcm"
    got.write_bytes(body(response))
    assert got.read_bytes() == content
    assert data_set_bytes(got).endswith(b"\1\2\3\4")


@pytest.mark.parametrize("accept", ["application/dicom", "*/*", "text/html"])
def test_a_file_is_answered_whatever_is_accepted(client: APIClient, home: Environment, accept: str) -> None:
    path, content = stored(home)

    assert body(client.get(path + "/", headers={"Accept": accept})) == content


def test_of_a_conflict_the_first_content_is_the_file(client: APIClient, home: Environment) -> None:
    path, content = stored(home)
    first = Study.objects.get().series.get().instances.get()
    InstanceFactory.create(series=first.series, sop_instance_uid=first.sop_instance_uid, is_primary=False)

    assert body(client.get(path)) == content


def test_a_file_of_another_study_is_not_found(client: APIClient, home: Environment) -> None:
    path, _ = stored(home)
    other = StudyFactory.create(study_instance_uid="1.9")

    response = client.get(f"{V1}/studies/{other.study_instance_uid}/instances/{path.split('/')[-2]}/file")

    assert response.status_code == 404
    assert response["Content-Type"] == "application/problem+json"


def test_a_file_that_is_missing_is_a_problem_of_ours(client: APIClient, home: Environment) -> None:
    path, _ = stored(home)
    for file in home.storage.iterdir():
        file.unlink()

    response = client.get(path, headers={"Accept": "application/dicom"})

    assert response.status_code == 503
    assert response.json()["type"] == "/problems/unavailable"
    assert str(home.storage) not in response.content.decode()


def test_a_key_fetches_files(home: Environment) -> None:
    path, content = stored(home)

    assert body(key_client("viewer").get(path)) == content
    assert key_client("metrics").get(path).status_code == 403


def test_where_a_study_is(client: APIClient) -> None:
    study = StudyFactory.create(tier="cold")

    answer = client.get(f"{V1}/studies/{study.study_instance_uid}/location").json()

    assert set(answer) == {"study_instance_uid", "tier", "location_type", "edge_id", "last_updated"}
    assert (answer["tier"], answer["edge_id"]) == ("cold", "GANTRY")


def test_conflicts(client: APIClient, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(3):
        conflict = ConflictFactory.create()
    ConflictFactory.create(resolved_at=timezone.now())

    with django_assert_num_queries(4):
        answer = client.get(f"{V1}/conflicts?is_open=true").json()

    assert answer["count"] == 3
    shown = next(each for each in answer["results"] if each["id"] == conflict.pk)
    assert shown["sop_instance_uid"] == conflict.instance.sop_instance_uid
    assert shown["first_sha256"] != shown["other_sha256"]
    assert shown["other_calling_ae_title"] == "CT_ROOM2"
    uid = conflict.instance.series.study.study_instance_uid
    assert client.get(f"{V1}/conflicts?study_instance_uid={uid}").json()["count"] == 1
    uid = conflict.instance.sop_instance_uid
    assert client.get(f"{V1}/conflicts?sop_instance_uid={uid}").json()["count"] == 1
    assert client.get(f"{V1}/conflicts/{conflict.pk}").status_code == 200
    assert client_of("administrator").delete(f"{V1}/conflicts/{conflict.pk}").status_code == 405


def test_identity_clashes(client: APIClient, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    clash = IdentityClashFactory.create(instance_value="OTHER", number_of_instances=7)
    IdentityClashFactory.create(attribute="PatientSex", study_value="F", instance_value="M")
    IdentityClashFactory.create(resolved_at=timezone.now(), resolved_by="jane")

    with django_assert_num_queries(4):
        answer = client.get(f"{V1}/identity-clashes?is_open=true").json()

    assert answer["count"] == 2
    shown = next(each for each in answer["results"] if each["id"] == clash.pk)
    assert shown["study_instance_uid"] == clash.study.study_instance_uid
    assert (shown["attribute"], shown["study_value"], shown["instance_value"]) == (
        "PatientID",
        clash.study.patient_id,
        "OTHER",
    )
    assert shown["number_of_instances"] == 7
    assert client.get(f"{V1}/identity-clashes?study_instance_uid={clash.study}").json()["count"] == 1
    assert client.get(f"{V1}/identity-clashes?attribute=PatientSex").json()["count"] == 1
    assert client.get(f"{V1}/identity-clashes?is_open=false").json()["results"][0]["resolved_by"] == "jane"
    assert client.get(f"{V1}/identity-clashes/{clash.pk}").status_code == 200
    assert client_of("administrator").delete(f"{V1}/identity-clashes/{clash.pk}").status_code == 405
    refused = client.get(f"{V1}/identity-clashes?attribute=Modality")
    assert (refused.status_code, refused.json()["type"]) == (400, "/problems/validation")
