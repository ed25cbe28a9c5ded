"""Rules by the API: saved as versions, listed, and tried."""

import json
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from gateway.accounts.models import User
from gateway.env import Environment
from routing.models import Rule, RuleVersion
from tests.api_clients import V1, client_of, key_client
from tests.corpus import data_set, element, write_part10
from tests.factories import AIPoolFactory, DestinationFactory, InstanceFactory, RuleFactory

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


def test_a_name_and_something_to_do_are_enough(client: APIClient) -> None:
    destination = DestinationFactory.create()

    response = client.post(f"{V1}/rules/", {"name": "All", "destinations": [destination.pk]}, format="json")

    defaults = {"conditions": [], "actions": [], "priority": "routine", "scope": "instance", "mode": "live"}
    assert response.json() | defaults == response.json()


@pytest.mark.parametrize("actions", [[{"action": "discard", "reason": "x"}], [{"action": "label", "label": "x"}]])
def test_a_rule_that_decides_needs_no_destination(client: APIClient, actions: list[Any]) -> None:
    response = client.post(f"{V1}/rules", {"name": "R", "actions": actions}, format="json")

    assert response.status_code == 201, response.content
    assert response.json()["actions"] == actions


def test_a_rule_with_nothing_to_do_yet_is_taken_and_found(client: APIClient) -> None:
    made = client.post(f"{V1}/rules", {"name": "R"}, format="json")

    assert made.status_code == 201
    (finding,) = client.get(f"{V1}/rules/validate").json()["findings"]
    assert (finding["code"], finding["rule"]) == ("does-nothing", made.json()["id"])


def test_a_rule_that_was_always_wrong_may_be_turned_off(client: APIClient) -> None:
    rule = RuleFactory.create()

    response = client.patch(f"{V1}/rules/{rule.pk}", {"is_enabled": False}, format="json")

    assert response.json()["is_enabled"] is False


def test_pools_scope_mode_and_the_reason_are_kept(client: APIClient) -> None:
    pool = AIPoolFactory.create()
    given = {"name": "R", "ai_pools": [pool.pk], "scope": "study", "mode": "shadow"}

    response = client.post(f"{V1}/rules", given | {"reason": "asked for by ward 3"}, format="json").json()

    assert response | given == response
    assert "reason" not in response
    (version,) = client.get(f"{V1}/rules/{response['id']}/versions").json()["results"]
    assert version["reason"] == "asked for by ward 3"
    assert version["definition"]["ai_pools"] == [{"id": pool.pk, "name": pool.name}]
    changed = client.patch(f"{V1}/rules/{response['id']}", {"order": 7}, format="json").json()
    assert changed["ai_pools"] == [pool.pk]


def test_a_rule_that_sends_to_this_gateway_itself_is_refused(client: APIClient) -> None:
    gantry = settings.GANTRY
    host, port = gantry.dicom_bind
    own = DestinationFactory.create(name="Me", host=host, port=port, ae_title=gantry.ae_title)

    response = client.post(f"{V1}/rules", {"name": "R", "destinations": [own.pk]}, format="json")

    assert response.status_code == 400
    assert "Me is this gateway itself" in response.json()["errors"]["non_field_errors"][0]


def test_findings_about_all_rules() -> None:
    rule = RuleFactory.create(name="Nothing")
    destination = DestinationFactory.create(name="Unused")

    answer = client_of("viewer").get(f"{V1}/rules/validate").json()

    assert [(each["severity"], each["code"], each["rule"], each["destination"]) for each in answer["findings"]] == [
        ("error", "does-nothing", rule.pk, None),
        ("warning", "destination-unused", None, destination.pk),
    ]
    assert answer["findings"][0]["rule_name"] == "Nothing"


def test_the_way_back_to_a_version(client: APIClient) -> None:
    rule = RuleFactory.create(to=[DestinationFactory.create()])
    path = f"{V1}/rules/{rule.pk}"
    client.patch(path, {"conditions": [MR]}, format="json")

    response = client.post(f"{path}/rollback", {"version": 1}, format="json")

    assert (response.status_code, response.json()["version"], response.json()["conditions"]) == (200, 3, [CT])
    latest = rule.versions.get(number=3)
    assert (latest.reason, latest.author) == ("Back to version 1", User.objects.get(role="administrator"))


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [({"version": 1}, 409, "in force already"), ({"version": 9}, 409, "no version 9"), ({"version": "x"}, 400, "")],
)
def test_no_way_back(client: APIClient, given: dict[str, Any], status: int, words: str) -> None:
    response = client.post(f"{V1}/rules/{RuleFactory.create().pk}/rollback", given, format="json")

    assert response.status_code == status
    assert words in response.json()["detail"]


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
    response = key_client("administrator").post(
        f"{V1}/rules", {"name": "by key", "destinations": [DestinationFactory.create().pk]}, format="json"
    )

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
        ({"actions": {"action": "label", "label": "x"}}, "actions"),
        ({"actions": [{"action": "label", "label": "\0"}]}, "actions"),
        ({"mode": "asleep"}, "mode"),
        ({"reason": "x" * 201}, "reason"),
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

    with django_assert_num_queries(6):  # session, user, count, page, destinations, pools
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


def test_a_draft_is_judged_beside_the_rules(home: Environment) -> None:
    rule = RuleFactory.create(name="live", conditions=[MR])
    instance = InstanceFactory.create(location=write_part10(home.storage).name)
    draft = {"rule": rule.pk, "conditions": [CT], "name": "changed"}

    uid = instance.series.study.study_instance_uid
    answer = try_rules(client_of("viewer"), study_instance_uid=uid, draft=draft).json()

    (verdict,) = answer["rules"]
    assert (verdict["name"], verdict["is_draft"], verdict["matched"]) == ("changed", True, True)
    assert [each["series_instance_uid"] for each in verdict["judged"]] == [instance.series.series_instance_uid]


def test_a_draft_is_judged_on_a_file(home: Environment) -> None:
    content = write_part10(home.storage).read_bytes()
    draft = json.dumps({"conditions": [MR]})

    answer = try_rules(client_of("viewer"), file=SimpleUploadedFile("x.dcm", content), draft=draft).json()

    assert [(each["rule"], each["is_draft"], each["matched"]) for each in answer["rules"]] == [(None, True, False)]


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
        ({"study_instance_uid": "1.2.3", "draft": {"conditions": [{"attribute": "x"}]}}, "draft"),
        ({"study_instance_uid": "1.2.3", "draft": "{"}, "draft"),
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
