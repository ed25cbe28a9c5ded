"""N-EVENT-REPORT at the listener: a provider that we asked reports on an association of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import OperationalError
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.presentation import build_context, build_role
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pytest_django import Settings

from dicomnet.allowlist import Entry, Rights
from dicomnet.commitment import PUSH_MODEL, PUSH_MODEL_INSTANCE, EventStatus
from gateway.env import Environment
from tests.modality import PATIENCE_SECONDS
from tests.peers import LOOPBACK, gantry

pytestmark = pytest.mark.django_db(transaction=True)
MAY_NOTHING = Entry("*", "127.0.0.0/8", "", Rights())


@pytest.fixture
def port(home: Environment, settings: Settings) -> Iterator[int]:
    settings.DICOM_SERVICES = {"GANTRY": "gateway.dimse.GatewayServices"}
    with gantry(MAY_NOTHING) as number:
        yield number


@contextmanager
def provider(port: int, *, with_role: bool = True, syntax: str = str(ExplicitVRLittleEndian)) -> Iterator[Any]:
    ae = AE(ae_title="PACS")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = PATIENCE_SECONDS
    assoc = ae.associate(
        LOOPBACK,
        port,
        contexts=[build_context(PUSH_MODEL, syntax), build_context(Verification)],
        ae_title="GANTRY",
        ext_neg=[build_role(PUSH_MODEL, scp_role=True)] if with_role else None,
    )
    assert assoc.is_established
    try:
        yield assoc
    finally:
        assoc.release()


def report(**elements: Any) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3"
    ds = Dataset()
    ds.TransactionUID = "2.25.7"
    ds.ReferencedSOPSequence = [item]
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    return ds


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
@pytest.mark.parametrize(
    ("ds", "event_type", "instance_uid", "expected"),
    [
        pytest.param(report(), 1, PUSH_MODEL_INSTANCE, EventStatus.INVALID_ARGUMENT, id="unknown transaction"),
        pytest.param(report(TransactionUID=""), 1, PUSH_MODEL_INSTANCE, EventStatus.INVALID_ARGUMENT, id="none"),
        pytest.param(report(), 3, PUSH_MODEL_INSTANCE, EventStatus.NO_SUCH_EVENT_TYPE, id="another event"),
        pytest.param(report(), 1, f"{PUSH_MODEL_INSTANCE}.1", EventStatus.NO_SUCH_INSTANCE, id="another instance"),
        pytest.param(None, 1, PUSH_MODEL_INSTANCE, EventStatus.INVALID_ARGUMENT, id="nothing"),
    ],
)
def test_what_cannot_be_taken_is_said_so_and_the_association_goes_on(
    port: int, syntax: str, ds: Dataset | None, event_type: int, instance_uid: str, expected: EventStatus
) -> None:
    with provider(port, syntax=str(syntax)) as assoc:
        for _ in range(2):
            status, _ = assoc.send_n_event_report(ds, event_type, PUSH_MODEL, instance_uid)
            assert status.Status == expected
            assert status.ErrorComment


def test_a_database_that_is_down_is_no_receipt(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*args: object, **kwargs: object) -> None:
        raise OperationalError("connection refused")

    with provider(port) as assoc:
        with monkeypatch.context() as broken:
            broken.setattr("django.db.backends.base.base.BaseDatabaseWrapper.connect", down)
            status, _ = assoc.send_n_event_report(report(), 1, PUSH_MODEL, PUSH_MODEL_INSTANCE)
        assert status.Status == EventStatus.PROCESSING_FAILURE


def test_who_neither_asks_nor_reports_does_not_get_the_service(port: int) -> None:
    with provider(port, with_role=False) as assoc:
        assert [context.abstract_syntax for context in assoc.accepted_contexts] == [Verification]


def test_the_role_of_the_provider_is_granted(port: int) -> None:
    with provider(port) as assoc:
        (context,) = (one for one in assoc.accepted_contexts if one.abstract_syntax == PUSH_MODEL)
        assert (context.as_scu, context.as_scp) == (False, True)
