"""Rules by the API: saved as versions, listed, and tried."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from gateway.accounts.models import User
from gateway.env import Environment
from routing.models import Rule, RuleVersion
from tests.api_clients import V1, client_of, key_client
from tests.corpus import data_set, element, write_part10
from tests.factories import DestinationFactory, InstanceFactory, RuleFactory

pytestmark = pytest.mark.django_db
CT = {"attribute": "Modality", "operator": "equals", "value": "CT"}
MR = {"attribute": "Modality", "operator": "equals", "value": "MR"}


@pytest.fixture
def client() -> APIClient:
    return client_of("administrator")


def test_the_least_that_a_rule_takes(client: APIClient) -> None:
    destination = DestinationFactory.create()
    given = {
        "name": "CT to PACS",
        "is_enabled": True,
        "order": 5,
        "scope": "instance",
        "conditions": [CT, {"any": [CT, MR]}],
        "destinations": [destination.pk],
        "ai_pools": [],
        "priority": "stat",
        "actions": [],
    }

    response = client.post(f"{V1}/rules", given, format="json")

    assert response.status_code == 201, response.content
    assert response.json() | given == response.json()
    assert response.json()["version"] == 1
    version = RuleVersion.objects.get()
    assert version.definition["priority"] == 1
    assert version.author == User.objects.get(role="administrator")


def test_a_name_is_enough(client: APIClient) -> None:
    response = client.post(f"{V1}/rules/", {"name": "All"}, format="json")

    assert response.json() | {"conditions": [], "destinations": [], "priority": "routine"} == response.json()


def test_a_change_that_matters_is_a_new_version(client: APIClient) -> None:
    rule = RuleFactory.create(to=[DestinationFactory.create()])
    path = f"{V1}/rules/{rule.pk}"

    assert client.patch(path, {"comment": "kept"}, format="json").json()["version"] == 1
    changed = client.patch(path, {"conditions": [MR]}, format="json").json()

    assert changed["version"] == 2
    assert len(changed["destinations"]) == 1
    versions = client.get(f"{path}/versions").json()
    assert [(each["number"], each["definition"]["conditions"]) for each in versions["results"]] == [
        (2, [MR]),
        (1, [CT]),
    ]


def test_what_was_got_can_be_sent_back(client: APIClient) -> None:
    path = f"{V1}/rules/{RuleFactory.create(to=[DestinationFactory.create()]).pk}"

    got = client.get(path).json()
    sent = client.put(path, got, format="json").json()

    assert sent.pop("updated_at") > got.pop("updated_at")
    assert sent == got


def test_a_program_is_no_author() -> None:
    response = key_client("administrator").post(f"{V1}/rules", {"name": "by key"}, format="json")

    assert response.status_code == 201
    assert RuleVersion.objects.get().author is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"conditions": [{"attribute": "Modality"}]}, "conditions"),
        ({"conditions": CT}, "conditions"),
        ({"conditions": [CT | {"then": "x"}]}, "conditions"),
        ({"conditions": [CT | {"value": "\0"}]}, "conditions"),
        ({"destinations": [4711]}, "destinations"),
        ({"destinations": [10**30]}, "destinations"),
        ({"order": 10**30}, "order"),
        ({"name": "nul\0"}, "name"),
        ({"priority": "urgent"}, "priority"),
        ({"priority": 1}, "priority"),
        ({"priority": []}, "priority"),
        ({"scope": "galaxy"}, "scope"),
        ({"actions": [{"kind": "x"}]}, "actions"),
        ({"ai_pools": [1]}, "ai_pools"),
        ({"condition": []}, "condition"),
        ({"order": "first"}, "order"),
    ],
)
def test_what_a_rule_does_not_take(client: APIClient, given: dict[str, Any], field: str) -> None:
    response = client.post(f"{V1}/rules", {"name": "R"} | given, format="json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]
    assert not Rule.objects.exists()


def test_a_rule_without_deliveries_is_deleted(client: APIClient) -> None:
    rule = RuleFactory.create()

    assert client.delete(f"{V1}/rules/{rule.pk}").status_code == 204


def test_the_number_of_queries_is_constant(
    client: APIClient, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(10):
        RuleFactory.create(to=[DestinationFactory.create()])

    with django_assert_num_queries(5):  # session, user, count, page, destinations
        client.get(f"{V1}/rules")


def try_rules(client: APIClient, **given: Any) -> Any:
    return client.post(f"{V1}/rules/test", given, format="multipart" if "file" in given else "json")


def test_a_file_is_judged_by_all_rules(home: Environment) -> None:
    RuleFactory.create(name="CT", order=1, to=[DestinationFactory.create(name="PACS")])
    RuleFactory.create(name="MR or PET", order=2, conditions=[{"any": [MR, MR | {"value": "PT"}]}])
    RuleFactory.create(name="off", is_enabled=False)
    content = write_part10(home.storage).read_bytes()

    answer = try_rules(client_of("viewer"), file=SimpleUploadedFile("x.dcm", content)).json()

    assert [(rule["name"], rule["matched"], rule["destinations"]) for rule in answer["rules"]] == [
        ("CT", True, ["PACS"]),
        ("MR or PET", False, []),
    ]
    (group,) = answer["rules"][1]["reasons"]["members"]
    assert group["words"] == "one of these must hold"
    assert [member["holds"] for member in group["members"]] == [False, False]
    assert "the instance has CT" in group["members"][0]["words"]


def test_a_large_file_is_judged(home: Environment) -> None:
    RuleFactory.create()
    pixels = element(0x7FE00010, "OW", bytes(6_000_000))
    content = write_part10(home.storage, data_set(sop_instance_uid=b"1.2.3", late=pixels), uid="1.2.3").read_bytes()

    answer = try_rules(client_of("viewer"), file=SimpleUploadedFile("x.dcm", content)).json()

    assert [rule["matched"] for rule in answer["rules"]] == [True]


def test_a_stored_study_is_judged(home: Environment) -> None:
    rule = RuleFactory.create()
    instance = InstanceFactory.create(location=write_part10(home.storage).name)

    answer = try_rules(client_of("viewer"), study_instance_uid=instance.series.study.study_instance_uid).json()

    assert [(each["rule"], each["version"], each["matched"]) for each in answer["rules"]] == [(rule.pk, 1, True)]


def test_a_dry_run_changes_nothing(home: Environment) -> None:
    rule = RuleFactory.create(to=[DestinationFactory.create()])
    instance = InstanceFactory.create(location=write_part10(home.storage).name)

    try_rules(client_of("viewer"), study_instance_uid=instance.series.study.study_instance_uid)

    instance.refresh_from_db()
    assert instance.planned_at is None
    assert not instance.deliveries.exists()
    assert rule.versions.count() == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "non_field_errors"),
        ({"study_instance_uid": "1.2.3"}, "study_instance_uid"),
        ({"file": SimpleUploadedFile("x.dcm", b"no DICOM")}, "file"),
        ({"file": SimpleUploadedFile("x.dcm", b"")}, "file"),
        ({"file": SimpleUploadedFile("x.dcm", b"x"), "study_instance_uid": "1"}, "non_field_errors"),
        ({"study": "1.2.3"}, "study"),
    ],
)
def test_what_cannot_be_judged(home: Environment, given: dict[str, Any], field: str) -> None:
    response = try_rules(client_of("viewer"), **given)

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


def test_a_study_whose_file_is_missing_is_said_to_be_so(home: Environment) -> None:
    RuleFactory.create()
    instance = InstanceFactory.create()

    response = try_rules(client_of("viewer"), study_instance_uid=instance.series.study.study_instance_uid)

    assert response.status_code == 400
    assert str(home.storage) not in response.content.decode()
