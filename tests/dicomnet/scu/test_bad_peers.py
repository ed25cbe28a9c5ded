"""Each way in which a peer can be wrong ends in a PeerError with the right words, within its deadline."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dicomnet.scu.association import AssociationRejected, NoContextAccepted, PeerError
from dicomnet.scu.store import Outgoing, StoreAssociation, StoreOutcome
from tests.corpus import write_part10
from tests.peers import (
    accept_association,
    command_set,
    p_data,
    peer,
    refused_port,
    scripted_peer,
    silent_port,
    storing_peer,
    tcp_peer,
)

SHORT = 0.5  # for peers that never answer
LONG = 20.0  # for those that do, on a machine that is busy
FIRST, ONE = 1, b"\1\0"  # the context ID and the message ID of the first request
RELEASE = struct.pack(">BxLL", 5, 4, 0)


@pytest.fixture
def instance(tmp_path: Path) -> Outgoing:
    return Outgoing.from_file(write_part10(tmp_path))


def send(port: int, instance: Outgoing, timeout_seconds: float = SHORT) -> StoreOutcome:
    with StoreAssociation(peer(port, timeout_seconds=timeout_seconds), [instance.context]) as assoc:
        return assoc.send(instance)


SPARE_SECONDS = 20


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """It ends by its deadline and does not hang; how busy this machine is, is no matter here."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds + SPARE_SECONDS


def test_a_port_that_nobody_listens_on(instance: Outgoing) -> None:
    with within(2), pytest.raises(PeerError, match="nobody listens there"):
        send(refused_port(), instance)


def test_a_host_that_has_no_address(instance: Outgoing) -> None:
    nowhere = peer(104, timeout_seconds=SHORT)
    nowhere = type(nowhere)(**vars(nowhere) | {"host": "127.0.0.256"})
    with within(5), pytest.raises(PeerError, match=r"127\.0\.0\.256"):
        StoreAssociation(nowhere, [instance.context])


def test_a_peer_that_accepts_the_connection_and_is_silent(instance: Outgoing) -> None:
    with silent_port() as port, within(4), pytest.raises(PeerError, match="did not answer"):
        send(port, instance)


@pytest.mark.parametrize(
    ("answer", "words", "is_permanent"),
    [
        ((1, 1, 3), "permanently: calling AE title not recognised", True),
        ((1, 1, 7), "permanently: called AE title not recognised", True),
        ((1, 1, 1), "permanently: no reason given", True),
        ((2, 3, 1), "for now: temporary congestion", False),
        ((2, 3, 2), "for now: local limit exceeded", False),
    ],
)
def test_a_peer_that_rejects(instance: Outgoing, answer: tuple[int, int, int], words: str, is_permanent: bool) -> None:
    with storing_peer(rejection=answer) as storing, within(3), pytest.raises(AssociationRejected, match=words) as found:
        send(storing.port, instance, LONG)
    assert found.value.is_permanent is is_permanent


def test_a_peer_that_accepts_none_of_the_contexts(instance: Outgoing) -> None:
    with storing_peer(takes_nothing=True) as storing, within(3), pytest.raises(NoContextAccepted, match="none of"):
        send(storing.port, instance, LONG)


def test_a_peer_that_aborts_in_the_middle(instance: Outgoing) -> None:
    with storing_peer(abort_at=instance.sop_instance_uid) as storing, within(3):
        with pytest.raises(PeerError, match=r"aborted|broke|closed"):
            send(storing.port, instance, LONG)
        assert storing.received == {}


def test_a_peer_that_closes_without_an_answer(instance: Outgoing) -> None:
    with (
        storing_peer(close_at=instance.sop_instance_uid) as storing,
        within(3),
        pytest.raises(PeerError, match=r"closed the connection|broke"),
    ):
        send(storing.port, instance, LONG)


def test_a_peer_that_takes_too_long(instance: Outgoing) -> None:
    with storing_peer(delay_seconds=1.2) as storing, within(3), pytest.raises(PeerError, match="in time"):
        send(storing.port, instance)


def response(message_id: bytes, **changes: bytes) -> dict[int, bytes]:
    elements = {0x0100: b"\x01\x80", 0x0120: message_id, 0x0800: b"\x01\x01", 0x0900: b"\0\0"}
    return elements | {int(name[1:], 16): value for name, value in changes.items()}


def without(elements: dict[int, bytes], number: int) -> dict[int, bytes]:
    return {key: value for key, value in elements.items() if key != number}


BAD_REPLIES: dict[str, tuple[bytes, str]] = {
    "another message": (p_data((FIRST, 3, command_set(response(b"\x99\x99")))), "something else"),
    "no message id": (p_data((FIRST, 3, command_set(without(response(ONE), 0x0120)))), "something else"),
    "no status": (p_data((FIRST, 3, command_set(without(response(ONE), 0x0900)))), "something else"),
    "empty status": (p_data((FIRST, 3, command_set(response(ONE, x0900=b"")))), "something else"),
    "long status": (p_data((FIRST, 3, command_set(response(ONE, x0900=b"\0" * 4)))), "something else"),
    "a release request": (RELEASE, "type 0x05"),
    "an abort": (struct.pack(">BxLL", 7, 4, 0), "aborted"),
    "an unknown PDU": (struct.pack(">BxL", 99, 4) + bytes(4), "type 0x63"),
    "4 GiB": (struct.pack(">BxL", 4, 0xFFFFFFFF), "type 0x04"),
    "an empty PDU": (struct.pack(">BxL", 4, 0), "type 0x04"),
    "a PDV longer than its PDU": (struct.pack(">BxLLBB", 4, 6, 500, FIRST, 3), "malformed"),
    "a PDV of no length": (struct.pack(">BxLLBB", 4, 6, 0, FIRST, 3), "malformed"),
    "half a PDU": (struct.pack(">BxL", 4, 100) + bytes(10), "in time"),
    "half a command": (p_data((FIRST, 1, command_set(response(ONE))[:20])), "in time"),
    "noise in place of a command": (p_data((FIRST, 3, b"\xff" * 30)), "malformed"),
}


@pytest.mark.parametrize("name", BAD_REPLIES)
def test_a_peer_that_answers_wrongly(instance: Outgoing, name: str) -> None:
    reply, words = BAD_REPLIES[name]

    def answer(connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        connection.sendall(reply)

    with scripted_peer(answer) as port, within(3), pytest.raises(PeerError, match=words):
        send(port, instance)


def test_a_peer_whose_command_never_ends(instance: Outgoing) -> None:
    def answer(connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        while True:
            connection.sendall(p_data((context_id, 1, bytes(16_000))))

    with scripted_peer(answer) as port, within(3), pytest.raises(PeerError, match="malformed"):
        send(port, instance)


@pytest.mark.parametrize("cut", [1, 8, 12, 20])
def test_a_response_in_several_fragments_of_one_pdu_is_whole(instance: Outgoing, cut: int) -> None:
    def answer(connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        body = command_set(response(command[0x0110], x0900=b"\x00\xa7"))
        connection.sendall(p_data((context_id, 1, body[:cut]), (context_id, 3, body[cut:])))

    with scripted_peer(answer) as port:
        assert send(port, instance) == StoreOutcome(0xA700)


def test_a_response_in_single_bytes_is_whole(instance: Outgoing) -> None:
    def answer(connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        body = command_set(response(command[0x0110]))
        for number in range(len(body)):
            connection.sendall(p_data((context_id, 3 if number == len(body) - 1 else 1, body[number : number + 1])))

    with scripted_peer(answer) as port:
        assert send(port, instance) == StoreOutcome(0)


@pytest.mark.parametrize("last_words", [b"", struct.pack(">BxLL", 7, 4, 0)], ids=["closes", "aborts"])
def test_a_peer_that_leaves_right_after_accepting(instance: Outgoing, last_words: bytes) -> None:
    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        connection.sendall(last_words)

    with tcp_peer(serve) as port, within(3):
        for _ in range(5):
            with pytest.raises(PeerError) as found:
                send(port, instance)
            assert not isinstance(found.value, NoContextAccepted)  # that would end the delivery for good


def test_a_peer_that_is_no_dicom_node(instance: Outgoing) -> None:
    def serve(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        connection.recv(4096)

    with tcp_peer(serve) as port, within(4), pytest.raises(PeerError):
        send(port, instance)


def test_a_peer_that_stops_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dicomnet.scu.store.MINIMUM_BYTES_PER_SECOND", 1 << 30)
    instance = Outgoing.from_file(write_part10(tmp_path, bytes(30 << 20)))
    done = threading.Event()

    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        done.wait(10)

    with tcp_peer(serve) as port, within(4):
        with pytest.raises(PeerError, match=r"timed out|broke"):
            send(port, instance)
        done.set()


def test_a_peer_that_never_answers_the_release_is_left(instance: Outgoing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dicomnet.wire.requestor.RELEASE_TIMEOUT_SECONDS", 0.3)

    def answer(connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        connection.sendall(p_data((context_id, 3, command_set(response(command[0x0110])))))

    with scripted_peer(answer) as port, within(2):
        assert send(port, instance) == StoreOutcome(0)
