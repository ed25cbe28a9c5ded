"""C-MOVE at the listener: where it sends to, what it answers, what it survives (PS3.4 C.4.2, Table C.4-2)."""

import socket
from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    CompositeInstanceRootRetrieveMove,
    PatientRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelMove,
)
from pytest_django import Settings

from dicomnet.allowlist import Entry, Rights
from dicomnet.models import RemoteNode
from dicomnet.scp import move, retrieve
from dicomnet.wire import pdu
from gateway.env import Environment
from routing.models import Destination
from tests.factories import DestinationFactory
from tests.modality import wait_until
from tests.peers import (
    LOOPBACK,
    StoringPeer,
    command_set,
    gantry,
    p_data,
    refused_port,
    scripted_peer,
    storing_peer,
)
from tests.retrieving import MAY_RETRIEVE, Fetcher, ask, calling, file_of, identifier, keep_study

pytestmark = pytest.mark.django_db(transaction=True)
STUDY, PATIENT = (
    str(StudyRootQueryRetrieveInformationModelMove),
    str(PatientRootQueryRetrieveInformationModelMove),
)
COMPOSITE = str(CompositeInstanceRootRetrieveMove)
THE_STUDY = identifier("STUDY", StudyInstanceUID="1.1")


@pytest.fixture
def port(home: Environment, settings: Settings) -> Iterator[int]:
    settings.DICOM_SERVICES = {"GANTRY": "gateway.dimse.GatewayServices"}
    with gantry(MAY_RETRIEVE) as number:
        yield number


@pytest.fixture
def peer() -> Iterator[StoringPeer]:
    """A place that C-MOVE may name as PEER."""
    with storing_peer() as found:
        DestinationFactory(ae_title="PEER", port=found.port)
        yield found


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        (PATIENT, identifier("PATIENT", PatientID="P1")),
        (STUDY, THE_STUDY),
        (COMPOSITE, identifier("IMAGE", SOPInstanceUID=[f"1.1.{n}.{i}" for n in (1, 2) for i in (1, 2, 3)])),
    ],
    ids=["patient root", "study root", "composite instance root"],
)
def test_what_is_named_is_sent_as_it_is_stored(port: int, peer: StoringPeer, model: str, asked: Dataset) -> None:
    stored = keep_study(series=2)
    answered = Fetcher(port).move(model, asked, "PEER")
    assert peer.received == stored
    assert (answered.status, answered.counts, peer.associations) == (0x0000, (6, 0, 0), 1)


def test_a_remote_node_is_a_place_too_and_its_address_decides(port: int) -> None:
    stored = keep_study()
    with storing_peer() as peer:
        RemoteNode.objects.create(ae_title="PEER", host="127.0.0.1", port=peer.port)
        RemoteNode.objects.create(ae_title="PEER", host="10.9.9.9", port=104)
        assert Fetcher(port).move(STUDY, THE_STUDY, "PEER").status == 0x0000
    assert peer.received == stored


@pytest.mark.parametrize("why", ["unknown", "disabled", "two of them", "no AE title", "17 characters"])
def test_a_destination_that_is_not_known_is_refused(port: int, why: str) -> None:
    keep_study()
    if why == "disabled":
        DestinationFactory(ae_title="PEER", is_enabled=False)
    if why == "two of them":
        DestinationFactory(ae_title="PEER", host="10.1.1.1")
        DestinationFactory(ae_title="PEER", host="10.1.1.2")
    title = {"no AE title": b"", "17 characters": b"SEVENTEEN-LETTERS "}.get(why, b"PEER")
    with calling(port, STUDY) as caller:
        answer = ask(caller, STUDY, pdu.C_MOVE_RQ, THE_STUDY, destination=title)
        assert (answer.status, answer.comment) == (0xA801, "the Move Destination is not known here, or not allowed")
        assert caller.echo() == 0x0000


def test_a_destination_that_this_caller_may_not_name_is_refused(
    home: Environment, settings: Settings, peer: StoringPeer
) -> None:
    settings.DICOM_SERVICES = {"GANTRY": "gateway.dimse.GatewayServices"}
    keep_study()
    rights = Rights(may_move=True, move_destinations=frozenset({"OTHER"}))
    with gantry(Entry("*", "127.0.0.0/8", "", rights)) as port:
        answered = Fetcher(port).move(STUDY, THE_STUDY, "PEER")
    assert answered.status == 0xA801
    assert peer.calls == []


def test_nothing_found_calls_nobody(port: int, peer: StoringPeer) -> None:
    answered = Fetcher(port).move(STUDY, identifier("STUDY", StudyInstanceUID="9.9"), "PEER")
    assert (answered.status, answered.counts, peer.associations) == (0x0000, (0, 0, 0), 0)


def test_the_destination_is_told_who_asked_and_how_urgently(port: int) -> None:
    keep_study(instances=1)
    heard: list[dict[int, bytes]] = []

    def answer(connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        heard.append(command)
        response = {0x0100: b"\x01\x80", 0x0120: command[0x0110], 0x0800: b"\x01\x01", 0x0900: b"\0\0"}
        connection.sendall(p_data((context_id, 3, command_set(response))))

    with scripted_peer(answer) as place:
        DestinationFactory(ae_title="PEER", port=place)
        assert Fetcher(port).move(STUDY, THE_STUDY, "PEER", priority=1).status == 0x0000
    (command,) = heard
    assert command[pdu.MOVE_ORIGINATOR_AE_TITLE].strip() == b"WORKSTATION"
    assert command[pdu.MOVE_ORIGINATOR_MESSAGE_ID] == b"\x07\x00"
    assert command[pdu.PRIORITY] == b"\x01\x00"


def test_a_place_where_nobody_listens_fails_all(port: int) -> None:
    keep_study()
    DestinationFactory(ae_title="PEER", port=refused_port())
    answered = Fetcher(port).move(STUDY, THE_STUDY, "PEER")
    assert (answered.status, answered.counts) == (0xA702, (0, 3, 0))
    assert answered.failed == ["1.1.1.1", "1.1.1.2", "1.1.1.3"]
    assert "nobody listens there" in answered.last.ErrorComment


def test_one_that_is_refused_takes_no_other_with_it(port: int, peer: StoringPeer) -> None:
    stored = keep_study()
    peer.status_of = {"1.1.1.2": 0xA700}
    answered = Fetcher(port).move(STUDY, THE_STUDY, "PEER")
    assert (answered.status, answered.counts, answered.failed) == (0xB000, (2, 1, 0), ["1.1.1.2"])
    assert set(peer.received) == set(stored) - {"1.1.1.2"}


@pytest.mark.parametrize("how", ["abort_at", "close_at"])
def test_after_an_association_that_broke_the_rest_goes_over_another(port: int, peer: StoringPeer, how: str) -> None:
    stored = keep_study(instances=5)
    setattr(peer, how, "1.1.1.3")
    answered = Fetcher(port).move(STUDY, THE_STUDY, "PEER")
    assert set(stored) - set(peer.received) == {"1.1.1.3"}
    assert (answered.status, answered.counts, answered.failed) == (0xB000, (4, 1, 0), ["1.1.1.3"])
    assert peer.associations == 2


def test_a_place_that_breaks_off_each_time_is_given_up(port: int, peer: StoringPeer) -> None:
    keep_study(instances=5)
    peer.abort_at = "1.1.1.1"
    Destination.objects.update(port=peer.port)
    answered = Fetcher(port).move(STUDY, THE_STUDY, "PEER")
    assert (answered.status, answered.counts) == (0xA702, (0, 5, 0))
    assert peer.associations == 1


def test_a_place_that_takes_no_such_instances_fails_all(port: int, peer: StoringPeer) -> None:
    keep_study()
    peer.takes_nothing = True
    answered = Fetcher(port).move(STUDY, THE_STUDY, "PEER")
    assert (answered.status, answered.counts) == (0xA702, (0, 3, 0))


def test_a_file_that_is_gone_fails_alone(port: int, peer: StoringPeer) -> None:
    stored = keep_study()
    file_of("1.1.1.1").unlink()
    answered = Fetcher(port).move(STUDY, THE_STUDY, "PEER")
    assert (answered.status, answered.counts, answered.failed) == (0xB000, (2, 1, 0), ["1.1.1.1"])
    assert set(peer.received) == set(stored) - {"1.1.1.1"}


def test_a_cancel_ends_it_between_two_instances(port: int, peer: StoringPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieve, "PENDING_SECONDS", 0)
    keep_study(instances=40)
    peer.delay_seconds = 0.02
    answered = Fetcher(port).move(STUDY, THE_STUDY, "PEER", cancel=True)
    completed, failed, _ = answered.counts
    assert (answered.status, failed) == (0xFE00, 0)
    assert completed == len(peer.received) < 40
    assert answered.last.NumberOfRemainingSuboperations == 40 - completed


def test_a_caller_that_aborts_ends_it_while_the_place_thinks(
    port: int, peer: StoringPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    keep_study()
    peer.hold = {"1.1.1.2"}
    assoc = AE("WORKSTATION").associate(LOOPBACK, port, [build_context(STUDY)], ae_title="GANTRY")
    assoc.send_c_move(THE_STUDY, "PEER", STUDY)
    wait_until(lambda: "1.1.1.2" in peer.calls)
    assoc.abort()
    wait_until(lambda: "retrieval ended" in caplog.messages)
    peer.let_go.set()
    (record,) = [record for record in caplog.records if record.message == "retrieval ended"]
    assert (record.__dict__["reason"], record.__dict__["completed"]) == ("the caller is gone", 1)


def test_no_more_associations_than_a_destination_takes_and_others_wait(
    port: int, peer: StoringPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_study()
    Destination.objects.update(maximum_associations=1)
    monkeypatch.setattr(move, "PLACE_SECONDS", 0.2)
    peer.hold = {"1.1.1.1"}
    first = AE("FIRST").associate(LOOPBACK, port, [build_context(STUDY)], ae_title="GANTRY")
    answers = first.send_c_move(THE_STUDY, "PEER", STUDY)
    wait_until(lambda: "1.1.1.1" in peer.calls)
    waited = Fetcher(port).move(STUDY, THE_STUDY, "PEER")
    assert (waited.status, waited.last.ErrorComment) == (0xA702, "the Move Destination is busy with other requests")
    peer.let_go.set()
    assert [status.Status for status, _ in answers][-1] == 0x0000
    first.release()
    assert peer.most_at_once == 1


def test_contexts_for_more_than_one_association_go_over_several(
    port: int, peer: StoringPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = keep_study()
    monkeypatch.setattr(move, "MAXIMUM_CONTEXTS", 0)
    assert Fetcher(port).move(STUDY, THE_STUDY, "PEER").counts == (3, 0, 0)
    assert peer.received == stored
