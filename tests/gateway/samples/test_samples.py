"""The checklist of the dashboard, and the test study that goes the way of every other."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from dicomnet.allowlist import Entry, Rights
from gateway.accounts.models import Role, User
from gateway.audit.models import AuditRecord
from gateway.env import Environment
from gateway.samples.models import SampleState, SampleStudy
from gateway.samples.tasks import send_samples
from studies.index import index_spool
from studies.models import Instance, Study
from tests.factories import AllowlistEntryFactory, DestinationFactory, RuleFactory, StudyFactory, UserFactory
from tests.peers import Listener, gantry

pytestmark = pytest.mark.django_db


def client_of(role: Role) -> Client:
    client = Client()
    client.force_login(UserFactory.create(username=role.value, role=role))
    return client


@pytest.fixture
def operator() -> Client:
    return client_of(Role.OPERATOR)


@pytest.fixture
def administrator() -> Client:
    return client_of(Role.ADMINISTRATOR)


def sent_to(port: int, settings: Settings) -> None:
    settings.GANTRY = replace(settings.GANTRY, dicom_bind=("0.0.0.0", port))  # noqa: S104 (as containers have it)
    send_samples()


def test_one_click_sends_a_study_the_way_of_all_others(
    operator: Client, listener: Listener, settings: Settings
) -> None:
    assert "Send a test study" in operator.get("/").content.decode()

    for _ in range(2):  # pressed twice
        assert operator.post("/first-steps/test-study/").headers["Location"] == "/#first-steps"

    assert "0 of 8 instances sent" in operator.get("/first-steps/").content.decode()
    sent_to(listener.port, settings)
    assert "8 of 8 instances sent, 0 in the archive" in operator.get("/first-steps/").content.decode()
    while index_spool(listener.spool):
        pass
    study = Study.objects.get()
    html = operator.get("/first-steps/").content.decode()
    assert "8 instances are in the archive" in html
    assert f'href="/studies/{study}/"' in html
    assert (study.patient_id, study.calling_ae_title, study.modalities) == ("LAB-0000", "TESTSTUDY", ["CT"])
    record = AuditRecord.objects.get(action="sent")
    assert (record.actor, record.study_instance_uid, record.number) == ("operator", str(study), 8)


def test_one_that_is_sent_twice_is_the_same_study(operator: Client, listener: Listener, settings: Settings) -> None:
    operator.post("/first-steps/test-study/")
    sent_to(listener.port, settings)
    SampleStudy.objects.update(state=SampleState.SENDING)  # as if its worker was lost before it could say so
    sent_to(listener.port, settings)

    while index_spool(listener.spool):
        pass

    assert Instance.objects.count() == SampleStudy.objects.get().sent == 8


def test_a_listener_that_lets_nobody_in_is_told_in_words(
    operator: Client, home: Environment, settings: Settings
) -> None:
    operator.post("/first-steps/test-study/")
    with gantry(Entry("OTHER", "127.0.0.0/8", "", Rights(may_store=True))) as port:
        sent_to(port, settings)

    html = operator.get("/").content.decode()
    assert "not sent</span>" in html
    assert "reject" in html
    assert "Send another test study" in html

    operator.post("/first-steps/test-study/")
    sent_to(port, settings)  # where nobody listens any more

    assert SampleStudy.objects.get().state == SampleState.FAILED


def test_what_another_worker_has_is_left_and_what_none_can_do_is_given_up(operator: Client, home: Environment) -> None:
    operator.post("/first-steps/test-study/")
    SampleStudy.objects.update(lease_until=timezone.now() + timedelta(minutes=1))
    send_samples()
    assert SampleStudy.objects.get().state == SampleState.SENDING

    SampleStudy.objects.update(created_at=timezone.now() - timedelta(minutes=11))
    send_samples()

    assert "No worker has sent it" in operator.get("/").content.decode()


def test_a_viewer_sends_nothing() -> None:
    viewer = client_of(Role.VIEWER)

    assert "Send a test study" not in viewer.get("/").content.decode()
    assert viewer.post("/first-steps/test-study/").status_code == 403
    assert not SampleStudy.objects.exists()


def test_the_checklist_counts_and_goes_when_all_is_done(administrator: Client) -> None:
    assert "0 of 5 done" in administrator.get("/").content.decode()
    AllowlistEntryFactory.create(network="10.0.0.0/8")
    DestinationFactory.create()
    RuleFactory.create()
    StudyFactory.create()
    html = administrator.get("/").content.decode()
    assert "4 of 5 done" in html
    assert "Latest studies" in html

    User.objects.update(totp_confirmed_at=timezone.now())

    assert "First steps" not in administrator.get("/").content.decode()
    assert administrator.get("/first-steps/").content.strip() == b""


def test_who_is_no_administrator_has_nothing_left_to_do_once_there_is_a_study(operator: Client) -> None:
    StudyFactory.create()

    assert "First steps" not in operator.get("/").content.decode()


def test_the_checklist_is_closed_for_the_person_who_closed_it(operator: Client, administrator: Client) -> None:
    operator.post("/first-steps/hide/")

    html = operator.get("/").content.decode()
    assert 'id="first-steps"' not in html
    assert "Studies stored" in html  # the dashboard, with nothing in it
    assert 'id="first-steps"' in administrator.get("/").content.decode()
    operator.post("/first-steps/hide/", {"show": "1"})
    assert 'id="first-steps"' in operator.get("/").content.decode()
