"""Who is let in, what is logged and counted, and the sign of life (PS3.8 9.3.4, PS3.4 Annex A)."""

import logging
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import REGISTRY
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pytest_django import Settings

from dicomnet.allowlist import Allowlist, Entry, Rights
from dicomnet.scu.association import AssociationRejected, PeerError, RequestorAssociation
from dicomnet.scu.echo import echo
from studies.dimse import ArchiveServices
from tests.corpus import CT, EXPLICIT, data_set
from tests.peers import ANYBODY, Caller, Listener, gantry, peer

ECHO = (Verification, ImplicitVRLittleEndian)
STORE = (CT, EXPLICIT)


def count(outcome: str) -> float:
    return REGISTRY.get_sample_value("gantry_associations_total", {"outcome": outcome}) or 0


def lines(caplog: pytest.LogCaptureFixture, message: str) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.message == message]


def eventually(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_caller_on_the_list_is_answered(listener: Listener) -> None:
    outcome = echo(peer(listener.port, "GANTRY"))
    assert outcome.is_alive


def test_an_unknown_caller_is_rejected_with_one_line_and_counted(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    before = count("rejected: calling AE title not recognised")
    with gantry(Entry("CT1", "127.0.0.1", "", Rights(may_echo=True))) as port:
        for _ in range(3):
            with pytest.raises(AssociationRejected, match="permanently: calling AE title not recognised"):
                RequestorAssociation(peer(port, "GANTRY", calling="CT2"), [ECHO])
        assert echo(peer(port, "GANTRY", calling="CT1")).is_alive
    assert count("rejected: calling AE title not recognised") == before + 3
    found = lines(caplog, "association rejected")
    assert len(found) == 3
    assert found[0]["calling_ae_title"] == "CT2"
    assert found[0]["source_address"] == "127.0.0.1"
    eventually(lambda: len(lines(caplog, "association ended")) == 1)


def test_a_caller_from_elsewhere_is_rejected(listener: Listener) -> None:
    with (
        gantry(Entry("*", "10.0.0.0/8", "", Rights(may_echo=True))) as port,
        pytest.raises(AssociationRejected, match="calling"),
    ):
        RequestorAssociation(peer(port, "GANTRY"), [ECHO])


@pytest.mark.parametrize("called", ["OTHER", "gantry", "GANTRY2"])
def test_an_unknown_called_title_is_rejected(listener: Listener, caplog: pytest.LogCaptureFixture, called: str) -> None:
    before = count("rejected: called AE title not recognised")
    with pytest.raises(AssociationRejected, match="permanently: called AE title not recognised"):
        RequestorAssociation(peer(listener.port, called), [ECHO])
    assert count("rejected: called AE title not recognised") == before + 1
    assert len(lines(caplog, "association rejected")) == 1


def test_who_would_store_is_turned_away_while_nothing_is_taken_in(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ArchiveServices, "congestion", lambda _: "the disk is filling up")
    with pytest.raises(AssociationRejected, match="for now: temporary congestion"):
        RequestorAssociation(peer(listener.port, "GANTRY"), [ECHO, STORE])
    assert echo(peer(listener.port, "GANTRY")).is_alive
    monkeypatch.setattr(ArchiveServices, "congestion", lambda _: "")
    RequestorAssociation(peer(listener.port, "GANTRY"), [ECHO, STORE]).release()


def test_a_failing_admission_lets_nobody_in(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(Allowlist, "rights", fail)
    with pytest.raises(PeerError):
        RequestorAssociation(peer(listener.port, "GANTRY", timeout_seconds=2), [ECHO])


def test_a_caller_that_may_not_echo_is_told(listener: Listener) -> None:
    with gantry(Entry("*", "127.0.0.1", "", Rights(may_store=True))) as port:
        outcome = echo(peer(port, "GANTRY"))
    assert not outcome.is_alive
    assert outcome.words == "0x0124 Not authorised"


def test_a_caller_that_may_not_store_is_told_and_leaves_nothing(listener: Listener) -> None:
    with (
        gantry(Entry("*", "127.0.0.1", "", Rights(may_echo=True))) as port,
        Caller(peer(port, "GANTRY"), [ECHO, STORE]) as caller,
    ):
        reply = caller.store(data_set(sop_instance_uid=b"1.2"), STORE, sop_class_uid=CT, sop_instance_uid="1.2")
        assert reply.status == 0x0124
        assert caller.echo() == 0
    assert listener.litter() == []


def test_each_association_has_one_line_when_it_ends(listener: Listener, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    released, aborted = count("released"), count("aborted")
    data = data_set(sop_instance_uid=b"1.2", early=b"\x10\0\x10\0PN\x08\0Doe^Jane")
    with Caller(peer(listener.port, "GANTRY"), [ECHO, STORE]) as caller:
        caller.echo()
        caller.store(data, STORE, sop_class_uid=CT, sop_instance_uid="1.2")
        caller.store(data[:20], STORE, sop_class_uid=CT, sop_instance_uid="1.2")
    eventually(lambda: count("released") == released + 1)
    Caller(peer(listener.port, "GANTRY"), [ECHO]).abort()
    eventually(lambda: count("aborted") == aborted + 1)
    eventually(lambda: len(lines(caplog, "association ended")) == 2)  # the line comes after the count
    first, second = lines(caplog, "association ended")
    assert first["answers"] == {"echo 0x0000": 1, "0x0000": 1, "0xC000": 1}
    assert first["bytes"] == len(data)
    assert (first["outcome"], second["outcome"]) == ("released", "aborted")
    assert "Doe^Jane" not in caplog.text
    assert len(lines(caplog, "instance refused")) == 1


def test_a_connection_that_says_nothing_does_not_stop_others(listener: Listener) -> None:
    idle = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(20)]
    try:
        assert echo(peer(listener.port, "GANTRY")).is_alive
    finally:
        for connection in idle:
            connection.close()


def test_two_called_titles_have_their_own_services(listener: Listener, settings: Settings) -> None:
    settings.DICOM_SERVICES = settings.DICOM_SERVICES | {"SECOND": "studies.dimse.ArchiveServices"}
    with gantry(ANYBODY, Entry("*", "127.0.0.1", "SECOND", Rights(may_find=True))) as port:
        assert echo(peer(port, "SECOND")).is_alive
        assert echo(peer(port, "GANTRY")).is_alive
