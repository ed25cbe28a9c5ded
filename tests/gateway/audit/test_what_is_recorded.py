"""Each act that has to be on record is, by whichever door, with who did it; and nothing that is secret."""

from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern

from dicomnet.audit import Action
from dicomnet.find import PATIENT_ROOT, FindOptions, FindRequest
from gateway.accounts.models import ApiKey, Role, User
from gateway.audit import journal
from gateway.audit.dimse import note_query
from gateway.audit.models import AuditRecord, TakenJournal
from gateway.audit.verify import Looked, verify
from gateway.env import Environment
from routing.lanes import hold_lane
from routing.models import Delivery
from routing.on_record import sent
from spanner.dicomweb.urls import urlpatterns as span_addresses
from studies.deletions.request import delete
from studies.dicomweb.urls import urlpatterns as dicomweb_addresses
from studies.index import index_spool
from studies.spool import Spool
from tests.api_clients import V1, client_of, key_client
from tests.corpus import EXPLICIT, encoded
from tests.factories import (
    PASSWORD,
    DeliveryFactory,
    DestinationFactory,
    InstanceFactory,
    LocationFactory,
    StudyFactory,
    UserFactory,
)
from tests.studies.receiving import receive

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("trail")]


@pytest.fixture
def spool(home: Environment) -> Spool:
    spool = Spool(home.spool_dir, 100)
    spool.prepare()
    return spool


def records(*actions: Action) -> list[AuditRecord]:
    """The records of these acts, the first first; all of them are verified on the way."""
    journal.take_in()
    assert list(verify(Looked())) == []
    return list(AuditRecord.objects.filter(action__in=actions).order_by("pk"))


def as_administrator() -> Client:
    client = Client()
    client.force_login(UserFactory.create(username="ada", role=Role.ADMINISTRATOR))
    return client


def test_sign_in_sign_out_and_failures_by_page_and_by_api() -> None:
    UserFactory.create(username="eve")
    client = Client(REMOTE_ADDR="10.9.8.7")
    client.post("/sign-in/", {"username": "eve", "password": "wrong"})
    client.post("/sign-in/", {"username": "eve", "password": PASSWORD})
    client.post("/sign-out/")
    api: Any = client_of(None)
    api.post(f"{V1}/auth/login", {"username": "nobody", "password": "x"}, format="json")
    tokens = api.post(f"{V1}/auth/login", {"username": "eve", "password": PASSWORD}, format="json").data
    api.post(f"{V1}/auth/logout", {"refresh": tokens["refresh"]}, format="json")

    found = records(Action.SIGNED_IN, Action.SIGN_IN_FAILED, Action.SIGNED_OUT)

    assert [(row.action, row.actor) for row in found] == [
        ("sign-in-failed", "eve"),
        ("sign-in", "eve"),
        ("sign-out", "eve"),
        ("sign-in-failed", "nobody"),
        ("sign-in", "eve"),
        ("sign-out", "eve"),
    ]
    assert found[0].address == "10.9.8.7"
    assert User.objects.get(username="eve").last_login is not None
    assert PASSWORD not in str(list(AuditRecord.objects.values_list()))


def test_a_wrong_api_key_and_what_a_role_may_not_are_on_record() -> None:
    stranger: Any = client_of(None)
    stranger.credentials(HTTP_AUTHORIZATION="Api-Key abcdefgh.secretsecretsecret")
    assert stranger.get(f"{V1}/studies").status_code == 401
    viewer: Any = key_client("viewer")
    assert viewer.get(f"{V1}/users").status_code == 403

    failed, refused = records(Action.SIGN_IN_FAILED, Action.REFUSED)

    assert (failed.actor, failed.actor_kind) == ("abcdefgh", "key")
    assert (refused.actor, refused.subject) == ("test program", "GET /api/v1/users")
    assert "secretsecret" not in str(list(AuditRecord.objects.values_list()))


def test_configuration_by_page_api_and_admin_names_fields_and_no_secret() -> None:
    client = as_administrator()
    api: Any = client_of("administrator")
    made = api.post(
        f"{V1}/destinations",
        {"name": "PACS", "kind": "stow", "url": "https://pacs.example/dicom-web", "authentication": "basic",
         "username": "u", "secret": "Geheim123"},
        format="json",
    )  # fmt: skip
    assert made.status_code == 201, made.data
    changed = api.patch(
        f"{V1}/destinations/{made.data['id']}", {"timeout_seconds": 77, "secret": "Anders456"}, format="json"
    )
    assert changed.status_code == 200, changed.data
    user = UserFactory.create(username="eve", role=Role.VIEWER)
    api.patch(f"{V1}/users/{user.pk}", {"role": "administrator", "password": "quite another one 1"}, format="json")
    client.post("/allowlist/new/", {"calling_ae_title": "CT9", "network": "10.0.0.0/8", "may_store": "on"})
    api.delete(f"{V1}/destinations/{made.data['id']}")

    found = {f"{row.action} {row.subject}": row for row in records(Action.CREATED, Action.CHANGED, Action.REMOVED)}

    pacs = f"destination {made.data['id']}: PACS"
    assert {f"created {pacs}", f"changed {pacs}", f"removed {pacs}"} <= set(found)
    assert found[f"changed {pacs}"].detail == (
        '{"fields":["secret","timeout_seconds"],"values":{"timeout_seconds":[30,77]}}'
    )
    assert found[f"changed {pacs}"].actor == User.objects.exclude(username__in=["ada", "eve"]).get().username
    of_eve = found[f"changed user {user.pk}: eve"]
    assert of_eve.detail == '{"fields":["password","role"],"values":{"role":["viewer","administrator"]}}'
    (entry,) = [row for name, row in found.items() if name.startswith("created allowlist entry")]
    assert (entry.actor, entry.actor_kind) == ("ada", "person")
    everything = str(list(AuditRecord.objects.values_list()))
    assert not [secret for secret in ("Geheim", "Anders", "quite another", "argon2") if secret in everything]


def test_a_field_whose_name_ends_like_a_key_is_a_change() -> None:
    location = LocationFactory.create()
    location.edge_id = "ward 3"
    location.save()

    (row,) = records(Action.CHANGED)
    assert row.detail == '{"fields":["edge_id"]}'


def test_stopping_a_destination_is_a_change() -> None:
    hold_lane(DestinationFactory.create(name="PACS"))

    (row,) = records(Action.CHANGED)
    assert row.detail == '{"values":{"is_enabled":[true,false]}}'


def test_api_keys_are_on_record_without_the_key() -> None:
    api: Any = client_of("administrator")
    key = api.post(f"{V1}/api-keys", {"name": "robot", "scopes": ["viewer"]}, format="json").data["key"]

    created = [row for row in records(Action.CREATED) if row.subject.endswith("robot")]

    assert len(created) == 1
    everything = str(list(AuditRecord.objects.values_list()))
    assert key.partition(".")[2] not in everything
    assert ApiKey.objects.get().hashed_key not in everything


def test_a_study_is_looked_at_once_a_minute_whatever_is_asked_for_of_it() -> None:
    instance = InstanceFactory.create(series__study__patient_id="PAT1")
    study, series = instance.series.study, instance.series
    client = as_administrator()
    for _ in range(3):
        client.get(f"/studies/{study.study_instance_uid}/")
        client.get(f"/studies/{study.study_instance_uid}/series/{series.series_instance_uid}/")
    for _ in range(3):
        client.get(f"/dicom-web/studies/{study.study_instance_uid}/series/{series.series_instance_uid}/metadata")
    client.get(f"/viewer/?StudyInstanceUIDs={study.study_instance_uid}")
    client.get("/studies/1.2.3/")  # not stored: nothing was seen
    Client().get(f"/studies/{study.study_instance_uid}/")  # sent to sign in

    found = records(Action.ACCESSED)

    assert {(row.actor, row.patient_id, row.study_instance_uid) for row in found} == {
        ("ada", "PAT1", study.study_instance_uid)
    }
    assert len(found) == len({row.subject for row in found}) <= 3


def test_programs_that_take_the_short_way_are_on_record() -> None:
    study = InstanceFactory.create(series__study__patient_id="PAT1").series.study
    client: Any = key_client("viewer")
    assert client.get("/dicom-web/studies?PatientID=PAT1&includefield=all").status_code == 200
    assert client.get(f"/dicom-web/studies/{study.study_instance_uid}/series").status_code == 200

    one, two = records(Action.QUERIED)

    assert (one.actor, one.actor_kind, one.patient_id) == ("test program", "key", "PAT1")
    assert one.detail == '{"keys":["PatientID","includefield"]}'
    assert two.study_instance_uid == study.study_instance_uid


def test_searches_are_on_record_without_the_names_that_were_searched_for() -> None:
    client = as_administrator()
    client.get("/studies/?patient_name=Secretname&patient_id=PAT9")
    client.get("/studies/?patient_name=Secretname&patient_id=PAT9")
    client.get("/studies/?patient_name=Othername&patient_id=PAT9")

    found = records(Action.QUERIED)

    assert [(row.patient_id, row.subject) for row in found] == [("PAT9", "studies page")] * 2
    assert "name" not in str([row.detail for row in found]).replace("patient_name", "").lower()


def test_downloads_are_told_from_looks() -> None:
    instance = InstanceFactory.create()
    study = instance.series.study
    client: Any = client_of("viewer")
    client.get(f"{V1}/studies/{study.study_instance_uid}")
    client.get(f"/studies/{study.study_instance_uid}/archive.zip")  # its file is not there: nothing went out

    assert len(records(Action.ACCESSED)) == 1
    assert records(Action.EXPORTED) == []


def test_a_c_find_is_on_record_once() -> None:
    from pydicom.dataset import Dataset

    ds = Dataset()
    ds.QueryRetrieveLevel, ds.PatientID, ds.PatientName, ds.StudyInstanceUID = "STUDY", "PAT7", "Doe*", ""
    request = FindRequest(PATIENT_ROOT, encoded(ds, EXPLICIT), EXPLICIT, FindOptions(), "WS1", "GANTRY", "10.1.1.1")
    note_query(request)
    note_query(request)

    (row,) = records(Action.QUERIED)

    assert (row.actor, row.actor_kind, row.address, row.patient_id) == ("WS1", "device", "10.1.1.1", "PAT7")
    assert row.subject == "C-FIND to GANTRY"
    assert "Doe" not in row.detail


def test_what_comes_in_is_one_record_for_each_study_and_batch(spool: Spool) -> None:
    for number in range(5):
        receive(spool, uid=f"1.1.1.{number + 1}", PatientID="P1")
    receive(spool, study="1.2", series="1.2.1", uid="1.2.1.1", PatientID="P2")
    index_spool(spool)
    receive(spool, uid="1.1.1.1", PatientID="P1")  # again, and nothing new
    index_spool(spool)

    found = records(Action.RECEIVED)

    assert {(row.actor, row.address, row.patient_id, row.study_instance_uid, row.number) for row in found} == {
        ("CT1", "10.1.2.3", "P1", "1.1", 5),
        ("CT1", "10.1.2.3", "P2", "1.2", 1),
    }


def test_a_deletion_is_on_record_with_its_patient() -> None:
    study = InstanceFactory.create(series__study__patient_id="PAT3").series.study
    delete(study.study_instance_uid, by="ada")

    (row,) = records(Action.DELETED)
    assert (row.patient_id, row.study_instance_uid, row.number) == ("PAT3", study.study_instance_uid, 1)
    assert row.subject == "by ada"


def test_what_is_sent_is_one_record_for_each_study_and_destination() -> None:
    study = StudyFactory.create(patient_id="PAT4")
    destination = DestinationFactory.create(name="PACS")
    made = [
        DeliveryFactory.create(destination=destination, instance__series__study=study, is_delivered=True)
        for _ in range(3)
    ]
    waiting = DeliveryFactory.create(destination=destination)

    (entry,) = sent(destination, [row.pk for row in (*made, waiting)])

    assert (entry.patient_id, entry.number, entry.subject) == ("PAT4", 3, "to PACS")
    assert Delivery.objects.count() == 4


@pytest.mark.parametrize("pattern", [*dicomweb_addresses, *span_addresses], ids=lambda each: str(each.pattern))
def test_every_dicomweb_address_is_a_search_or_names_a_study(pattern: URLPattern) -> None:
    from gateway.audit.accesses import _SEARCHES

    route, names = str(pattern.pattern), pattern.pattern.regex.groupindex
    others = ("^$", "^wado/?$", "^sources/?$")  # capabilities; names its study in the query; health

    assert route.endswith(_SEARCHES) or "study" in names or route in others


def test_a_journal_that_was_taken_in_and_not_removed_is_not_taken_in_again() -> None:
    as_administrator().get("/studies/?q=a")
    path = journal.folder() / "waiting.jsonl"
    kept = path.with_name("waiting-00000000000000000000000001.jsonl")
    path.rename(kept)
    content = kept.read_bytes()
    assert journal.take_in() == 1
    TakenJournal.objects.create(name=kept.name)  # as a crash before the file was removed leaves it
    kept.write_bytes(content)

    assert journal.take_in() == 0
    assert not kept.exists()
    assert not TakenJournal.objects.exists()
    assert len(records(Action.QUERIED)) == 1


def test_a_line_that_a_power_cut_tore_does_not_stop_the_others() -> None:
    as_administrator().get("/studies/?q=a")
    path = journal.folder() / "waiting.jsonl"
    path.write_bytes(path.read_bytes() + b'["2026-11-28T00:00')

    assert journal.take_in() == 1
