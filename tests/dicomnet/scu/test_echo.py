"""C-ECHO as requestor (PS3.4 Annex A)."""

import socket
from pathlib import Path

import pytest

from dicomnet.scu.echo import echo
from tests.peers import (
    command_set,
    dcmtk_storescp,
    p_data,
    peer,
    refused_port,
    scripted_peer,
    silent_port,
    storing_peer,
)


def test_a_peer_that_answers_is_alive() -> None:
    with storing_peer() as storing:
        outcome = echo(peer(storing.port))
    assert outcome.is_alive
    assert outcome.words == "0x0000 Success"
    assert 0 < outcome.milliseconds < 3000


@pytest.mark.peers
def test_dcmtk_is_alive(tmp_path: Path) -> None:
    with dcmtk_storescp(tmp_path) as port:
        assert echo(peer(port, "DCMTK")).is_alive


def test_a_peer_that_is_away_is_not() -> None:
    outcome = echo(peer(refused_port()))
    assert not outcome.is_alive
    assert "nobody listens there" in outcome.words


def test_a_peer_that_is_silent_is_not() -> None:
    with silent_port() as port:
        outcome = echo(peer(port, timeout_seconds=0.3))
    assert not outcome.is_alive
    assert outcome.milliseconds < 3000


def test_a_peer_that_rejects_is_not() -> None:
    with storing_peer(rejection=(1, 1, 3)) as storing:
        outcome = echo(peer(storing.port))
    assert not outcome.is_alive
    assert "calling AE title not recognised" in outcome.words


@pytest.mark.parametrize(
    ("status", "words"),
    [(b"\x24\x01", "0x0124 Not authorised"), (b"", "something else"), (b"\0\0\0\0", "something else")],
)
def test_a_peer_that_answers_no_success_is_not(status: bytes, words: str) -> None:
    def answer(connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        elements = {0x0100: b"\x30\x80", 0x0120: command[0x0110], 0x0800: b"\x01\x01", 0x0900: status}
        connection.sendall(p_data((context_id, 3, command_set(elements))))

    with scripted_peer(answer) as port:
        outcome = echo(peer(port, timeout_seconds=0.5))
    assert not outcome.is_alive
    assert words in outcome.words
