"""N-ACTION of the Storage Commitment Push Model at the listener: who may ask, for what, and when it is answered."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pytest_django import Settings

from dicomnet.allowlist import Entry, Rights
from dicomnet.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, ActionStatus, FailureReason, Reference
from dicomnet.remote_nodes import RemoteNode
from gateway.env import Environment
from studies.commitments import verify
from studies.commitments.models import Commitment, CommitmentState
from studies.commitments.report import report_to
from studies.commitments.verify import verify_due
from studies.dimse import local_spool
from tests.corpus import CT
from tests.modality import Modality, modality, wait_until
from tests.peers import gantry

pytestmark = pytest.mark.django_db(transaction=True)
MAY_COMMIT = Entry("*", "127.0.0.0/8", "", Rights(may_echo=True, may_store=True, may_commit=True))
ONE = Reference(CT, "1.2.3.1")


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    heard: list[int] = []
    monkeypatch.setattr("studies.dimse._commitment_bell.ring", lambda: heard.append(1))
    return heard


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """AE titles for which reports were said to be due; nobody else hears it."""
    heard: list[str] = []
    monkeypatch.setattr(
        "studies.events.commitments_due.send", lambda _, calling_ae_title: heard.append(calling_ae_title)
    )
    return heard


@pytest.fixture
def port(home: Environment, settings: Settings, rung: list[int]) -> Iterator[int]:
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    with gantry(MAY_COMMIT) as number:
        yield number


@pytest.mark.parametrize("with_role", [True, False])
def test_a_request_is_kept_and_the_bell_rung(port: int, rung: list[int], with_role: bool) -> None:
    device = Modality()
    with device.association(port, with_role=with_role) as assoc:
        assert device.request(assoc, [ONE, Reference(CT, "1.2.3.2")], "1.2.9").Status == ActionStatus.SUCCESS
        assert Commitment.objects.get().instance_count == 2
    commitment = Commitment.objects.get()
    assert (commitment.transaction_uid, commitment.calling_ae_title) == ("1.2.9", "CT1")
    assert (commitment.called_ae_title, commitment.source_address) == ("GANTRY", "127.0.0.1")
    assert rung == [1]


def test_a_database_that_is_down_is_answered_with_a_failure(
    port: int, rung: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*args: object, **kwargs: object) -> None:
        raise OperationalError("connection refused")

    device = Modality()
    with device.association(port) as assoc:
        with monkeypatch.context() as broken:
            broken.setattr("django.db.backends.base.base.BaseDatabaseWrapper.connect", down)
            status = device.request(assoc, [ONE], "1.2.9")
        assert status.Status == ActionStatus.PROCESSING_FAILURE
        assert "cannot keep the request now" in status.ErrorComment
        assert rung == []
        assert device.request(assoc, [ONE], "1.2.9").Status == ActionStatus.SUCCESS


def information(**elements: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


def reference(**elements: Any) -> Dataset:
    return information(ReferencedSOPClassUID=CT, **elements)


REFUSED: dict[str, tuple[dict[str, Any], int]] = {
    "another action type": ({"action_type": 2}, ActionStatus.NO_SUCH_ACTION),
    "another instance": ({"instance_uid": f"{PUSH_MODEL_INSTANCE}.1"}, ActionStatus.NO_SUCH_INSTANCE),
    "no Action Information": ({"dataset": None}, ActionStatus.INVALID_ARGUMENT),
    "no Transaction UID": (
        {"dataset": information(ReferencedSOPSequence=[reference(ReferencedSOPInstanceUID="1.2")])},
        ActionStatus.INVALID_ARGUMENT,
    ),
    "no references": ({"dataset": information(TransactionUID="1.2.9")}, ActionStatus.INVALID_ARGUMENT),
    "a reference without instance": (
        {"dataset": information(TransactionUID="1.2.9", ReferencedSOPSequence=[reference()])},
        ActionStatus.INVALID_ARGUMENT,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_refused_and_the_association_goes_on(port: int, rung: list[int], name: str) -> None:
    other, expected = REFUSED[name]
    device = Modality()
    with device.association(port) as assoc:
        status = device.request(assoc, [ONE], "1.2.9", **other)
        assert status.Status == expected
        assert 0 < len(status.ErrorComment) <= 64
        assert device.request(assoc, [ONE], "1.2.9").Status == ActionStatus.SUCCESS
    assert Commitment.objects.count() == 1


@pytest.mark.parametrize("garbage", [b"\xff" * 64, bytes(range(256)), b"\x08\0\x95\x11UI\xff\xff1.2."])
def test_information_that_cannot_be_read_is_refused(port: int, monkeypatch: pytest.MonkeyPatch, garbage: bytes) -> None:
    device = Modality()
    with device.association(port) as assoc:
        with monkeypatch.context() as broken:
            broken.setattr("pynetdicom.association.encode", lambda *_: garbage)
            status = device.request(assoc, [ONE], "1.2.9")
        assert status.Status == ActionStatus.INVALID_ARGUMENT
        assert not Commitment.objects.exists()
        assert device.request(assoc, [ONE], "1.2.9").Status == ActionStatus.SUCCESS


def test_too_much_at_once_is_refused(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dicomnet.scp.commitment.MAXIMUM_REQUEST_BYTES", 1000)
    device = Modality()
    with device.association(port) as assoc:
        assert device.request(assoc, [ONE] * 100).Status == ActionStatus.RESOURCE_LIMITATION
        assert device.request(assoc, [ONE]).Status == ActionStatus.SUCCESS


def test_an_error_of_ours_is_a_processing_failure_without_its_words(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("a defect, of Doe^Jane")

    device = Modality()
    with device.association(port) as assoc:
        with monkeypatch.context() as broken:
            broken.setattr("studies.dimse.accept", fail)
            status = device.request(assoc, [ONE])
        assert status.Status == ActionStatus.PROCESSING_FAILURE
        assert "Jane" not in status.ErrorComment


def test_who_may_not_ask_is_not_served(home: Environment, settings: Settings) -> None:
    settings.DICOM_SERVICES = {"GANTRY": "studies.dimse.ArchiveServices"}
    ae = AE(ae_title="CT1")
    with gantry() as port:
        assoc = ae.associate(
            "127.0.0.1", port, ae_title="GANTRY", contexts=[build_context(PUSH_MODEL), build_context(Verification)]
        )
        refused = [(context.abstract_syntax, context.result) for context in assoc.rejected_contexts]
        assoc.release()
    assert refused == [(PUSH_MODEL, 3)]  # abstract syntax not supported


def test_the_verdict_comes_on_the_association_while_it_is_open(
    port: int, home: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "WAIT_FOR_OTHERS", timedelta())
    device = Modality()
    with device.association(port) as assoc:
        for number in (1, 2):
            assert device.request(assoc, [ONE], f"1.2.9.{number}").Status == ActionStatus.SUCCESS
            verify_due(local_spool())
            assert report_to("CT1") == 0  # nobody else may
            device.wait_for(number)
    assert [(came.on, came.transaction_uid) for came in device.reports] == [("same", "1.2.9.1"), ("same", "1.2.9.2")]
    assert device.reports[0].failed == {ONE: FailureReason.NO_SUCH_INSTANCE}
    wait_until(lambda: not Commitment.objects.exclude(state=CommitmentState.REPORTED).exists())


def test_an_association_that_ends_before_the_verdict_lets_go_of_it(
    port: int, home: Environment, monkeypatch: pytest.MonkeyPatch, told: list[str]
) -> None:
    monkeypatch.setattr(verify, "WAIT_FOR_OTHERS", timedelta())
    with modality() as device:
        RemoteNode.objects.create(ae_title="CT1", host="127.0.0.1", port=device.port)
        assert device.ask(port, [ONE]) == ActionStatus.SUCCESS
        wait_until(lambda: Commitment.objects.get().association_until is None)
        verify_due(local_spool())
        assert told == ["CT1"]
        assert report_to("CT1") == 1
    assert [came.on for came in device.reports] == ["new"]


def test_an_association_that_breaks_off_lets_go_of_the_verdict(port: int, home: Environment) -> None:
    device = Modality()
    with device.association(port) as assoc:
        device.request(assoc, [ONE])
        assert Commitment.objects.get().association_until is not None
        assoc.abort()
    wait_until(lambda: Commitment.objects.get().association_until is None)


def test_a_device_that_refuses_the_report_on_its_association_gets_it_on_another(
    port: int, home: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "WAIT_FOR_OTHERS", timedelta())
    with modality(answers=[0x0110]) as device:
        RemoteNode.objects.create(ae_title="CT1", host="127.0.0.1", port=device.port)
        with device.association(port) as assoc:
            device.request(assoc, [ONE])
            verify_due(local_spool())
            device.wait_for(1)
            wait_until(lambda: "0x0110" in Commitment.objects.get().last_error)
        Commitment.objects.update(next_attempt_at=timezone.now())
        assert report_to("CT1") == 1
    assert [came.on for came in device.reports] == ["same", "new"]


def test_a_database_that_goes_away_while_it_is_looked_at_ends_no_association(
    port: int, home: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "WAIT_FOR_OTHERS", timedelta())
    device = Modality()
    looks: list[int] = []

    def down(*args: object) -> None:
        looks.append(1)
        raise OperationalError("connection refused")

    with device.association(port) as assoc:
        with monkeypatch.context() as broken:
            broken.setattr("studies.dimse.claim_for_association", down)
            device.request(assoc, [ONE])
            verify_due(local_spool())
            wait_until(lambda: len(looks) > 1)
        device.wait_for(1)
        assert assoc.is_established
