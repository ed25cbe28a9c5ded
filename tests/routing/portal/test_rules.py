import io
import json
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pydicom.data import get_testdata_file

from routing.models import Rule
from tests.factories import DeliveryFactory, DestinationFactory, InstanceFactory, RuleFactory, version_of_a_new_rule

CT = [{"attribute": "Modality", "operator": "equals", "value": "CT"}]


def form(**fields: Any) -> dict[str, Any]:
    conditions = json.dumps(fields.pop("conditions", CT))
    return {
        "name": "CT to archive",
        "order": "10",
        "priority": "3",
        "is_enabled": "on",
        "conditions": conditions,
    } | fields


def test_create_saves_version_one_with_its_author(administrator: Client) -> None:
    destination = DestinationFactory.create()

    answer = administrator.post("/rules/new/", form(destinations=[destination.pk]), follow=True)

    version = Rule.objects.get().versions.get()
    assert "CT to archive is saved as version 1." in answer.content.decode()
    assert (version.number, str(version.author)) == (1, "administrator")
    assert "Modality is CT" in answer.content.decode()


def test_change_makes_a_version_and_no_change_none(administrator: Client) -> None:
    destination = DestinationFactory.create()
    rule = RuleFactory.create(to=[destination])
    address = f"/rules/{rule.pk}/edit/"

    administrator.post(address, form(destinations=[destination.pk]))
    administrator.post(address, form(destinations=[destination.pk]))

    assert [version.number for version in rule.versions.all()] == [2, 1]


def test_wrong_conditions_are_told_and_kept_in_the_form(administrator: Client) -> None:
    destination = DestinationFactory.create()
    wrong = [{"attribute": "Modalty", "operator": "equals", "value": "CT"}]

    html = administrator.post("/rules/new/", form(destinations=[destination.pk], conditions=wrong)).content.decode()

    assert "is no attribute" in html
    assert "Modalty" in html
    assert not Rule.objects.exists()


def test_rule_without_destination_is_refused_in_words(administrator: Client) -> None:
    assert "A rule needs something to do" in administrator.post("/rules/new/", form()).content.decode()


def test_switch_is_no_version(administrator: Client, operator: Client) -> None:
    rule = RuleFactory.create()

    assert operator.post(f"/rules/{rule.pk}/switch/").status_code == 403
    administrator.post(f"/rules/{rule.pk}/switch/")
    rule.refresh_from_db()
    assert (rule.is_enabled, rule.version) == (False, 1)
    administrator.post(f"/rules/{rule.pk}/switch/", {"on": "1"})
    rule.refresh_from_db()
    assert rule.is_enabled


def test_list_is_in_the_order_of_trying(viewer: Client) -> None:
    last, first = RuleFactory.create(name="A", order=20), RuleFactory.create(name="B", order=10)

    assert list(viewer.get("/rules/").context["rules"]) == [first, last]


def test_delete_of_one_with_deliveries_explains_to_turn_it_off(administrator: Client) -> None:
    rule = version_of_a_new_rule().rule
    DeliveryFactory.create(rule_version=rule.versions.get())
    address = f"/rules/{rule.pk}/delete/"

    assert "Turn it off instead" in administrator.get(address).content.decode()
    assert administrator.post(address).headers["Location"] == address
    assert Rule.objects.exists()


def test_delete_of_one_without_deliveries(administrator: Client) -> None:
    rule = RuleFactory.create()

    administrator.post(f"/rules/{rule.pk}/delete/")

    assert not Rule.objects.exists()


def test_try_with_a_file_tells_why(viewer: Client) -> None:
    RuleFactory.create(name="CT rule", to=[DestinationFactory.create(name="Archive")])
    RuleFactory.create(name="MR rule", conditions=[{"attribute": "Modality", "operator": "equals", "value": "MR"}])
    path = get_testdata_file("CT_small.dcm")
    assert path is not None

    with open(path, "rb") as file:
        answer = viewer.post("/rules/try/", {"file": SimpleUploadedFile("ct.dcm", file.read())})

    verdicts = {verdict.rule.name: verdict.matched for verdict in answer.context["verdicts"]}
    assert verdicts == {"CT rule": True, "MR rule": False}
    html = answer.content.decode()
    assert "does not match" in html
    assert "Archive" in html


def test_try_with_what_is_no_dicom_file(viewer: Client) -> None:
    html = viewer.post("/rules/try/", {"file": io.BytesIO(b"hello")}).content.decode()

    assert "This is no DICOM file that can be read" in html


def test_try_with_an_unknown_study(viewer: Client) -> None:
    assert (
        "No stored study has this UID" in viewer.post("/rules/try/", {"study_instance_uid": "1.2.3"}).content.decode()
    )


def test_try_with_a_study_whose_file_is_gone(viewer: Client, home: object) -> None:
    instance = InstanceFactory.create()
    RuleFactory.create(conditions=[{"attribute": "Modality", "operator": "present"}])  # which the row does not have

    html = viewer.post("/rules/try/", {"study_instance_uid": str(instance.series.study)}).content.decode()

    assert "cannot be read" in html


def test_try_with_nothing(viewer: Client) -> None:
    assert "one of the two" in viewer.post("/rules/try/", {}).content.decode()
