"""The upper layer protocol's state machine as acceptor: every PDU in every state (PS3.8 9.2, Table 9-10).

Sta3 and Sta8 last as long as the listener takes to answer, so there the PDU comes in the same segment as the one that
leads to the state, and what the next state says may be answered as well.
"""

import socket
from collections.abc import Callable
from contextlib import suppress

import pytest

from dicomnet.wire.pdu import IS_COMMAND, IS_LAST, RELEASE_RP, RELEASE_RQ, abort_pdu
from tests.conformance.raw import (
    CLOSED,
    ECHO,
    STORE,
    Answer,
    Raw,
    associate_rq,
    echo_command,
    p_data,
    pdu,
    pdv,
    store_command,
)
from tests.corpus import data_set
from tests.peers import Listener

pytestmark = pytest.mark.embedded  # no database has a part in it
UID = "1.2.3.9"
DATA = data_set(sop_instance_uid=UID.encode())
ECHO_RQ = p_data(pdv(ECHO, IS_COMMAND | IS_LAST, echo_command()))
STORE_RQ = p_data(pdv(STORE, IS_COMMAND | IS_LAST, store_command(UID)))
PDUS = {
    "A-ASSOCIATE-RQ": associate_rq(),
    "A-ASSOCIATE-AC": pdu(2, associate_rq()[6:]),
    "A-ASSOCIATE-RJ": pdu(3, bytes((0, 1, 1, 3))),
    "P-DATA-TF": ECHO_RQ,
    "A-RELEASE-RQ": RELEASE_RQ,
    "A-RELEASE-RP": RELEASE_RP,
    "A-ABORT": abort_pdu(),
    "type 0": pdu(0, bytes(4)),
    "type 8": pdu(8, bytes(4)),
    "type 255": pdu(255, bytes(10)),
}

AA_1: set[Answer] = {("abort", 0, 0)}  # as service user, which gives no reason
UNRECOGNISED, UNEXPECTED = ("abort", 2, 1), ("abort", 2, 2)
INVALID: set[Answer] = {UNRECOGNISED, UNEXPECTED, ("abort", 2, 4), ("abort", 2, 5), ("abort", 2, 6)}
ENDED: set[Answer] = {CLOSED, *((("abort", source, reason)) for source in (0, 2) for reason in range(7))}


def answers(connection: Raw) -> list[Answer]:
    """All PDUs until the listener aborts, rejects or closes."""
    found: list[Answer] = []
    while not found or (found[-1] != CLOSED and found[-1][0] not in {"abort", "reject"}):
        found.append(connection.answer())
    return found


STA2: dict[str, set[Answer]] = {
    "A-ASSOCIATE-RQ": {"accepted"},
    "A-ASSOCIATE-AC": AA_1 | {UNEXPECTED},
    "A-ASSOCIATE-RJ": AA_1 | {UNEXPECTED},
    "P-DATA-TF": AA_1 | {UNEXPECTED},
    "A-RELEASE-RQ": AA_1 | {UNEXPECTED},
    "A-RELEASE-RP": AA_1 | {UNEXPECTED},
    "A-ABORT": {CLOSED},
    "type 0": AA_1 | {UNRECOGNISED},
    "type 8": AA_1 | {UNRECOGNISED},
    "type 255": AA_1 | {UNRECOGNISED},
}


@pytest.mark.parametrize("name", STA2)
def test_sta2_awaiting_a_associate_rq(listener: Listener, name: str) -> None:
    with Raw(listener.port) as connection:
        connection.send(PDUS[name])
        assert connection.answer() in STA2[name]


STA6: dict[str, set[Answer]] = {
    "A-ASSOCIATE-RQ": {UNEXPECTED},
    "A-ASSOCIATE-AC": {UNEXPECTED},
    "A-ASSOCIATE-RJ": {UNEXPECTED},
    "P-DATA-TF": {"data"},
    "A-RELEASE-RQ": {"released"},
    "A-RELEASE-RP": {UNEXPECTED},
    "A-ABORT": {CLOSED},
    "type 0": {UNRECOGNISED},
    "type 8": {UNRECOGNISED},
    "type 255": {UNRECOGNISED},
}


@pytest.mark.parametrize("name", STA6)
def test_sta6_association_established(listener: Listener, name: str) -> None:
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(PDUS[name])
        assert connection.answer() in STA6[name]


@pytest.mark.parametrize("name", PDUS)
def test_sta6_within_a_message(listener: Listener, name: str) -> None:
    """A P-DATA-TF PDU with something else than the rest of the data set is as unexpected as the others."""
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(STORE_RQ, p_data(pdv(STORE, 0, DATA[:20])), PDUS[name])
        if name != "P-DATA-TF":
            assert connection.answer() in ENDED | {"released"}
    assert listener.litter() == []


STA3: dict[str, Callable[[list[Answer]], bool]] = {
    "P-DATA-TF": lambda found: found[:2] == ["accepted", "data"],
    "A-RELEASE-RQ": lambda found: found[:2] == ["accepted", "released"],
    "A-ABORT": lambda found: found in (["accepted", CLOSED], [CLOSED]),
    "A-ASSOCIATE-RQ": lambda found: found[-1] in ENDED,
    "A-ASSOCIATE-AC": lambda found: found[-1] in ENDED,
    "A-RELEASE-RP": lambda found: found[-1] in ENDED,
    "type 255": lambda found: found[-1] in ENDED,
}


@pytest.mark.parametrize("name", STA3)
def test_sta3_awaiting_the_local_answer(listener: Listener, name: str) -> None:
    with Raw(listener.port) as connection:
        connection.send(PDUS["A-ASSOCIATE-RQ"] + PDUS[name])
        connection.socket.shutdown(socket.SHUT_WR)
        found = answers(connection)
        assert STA3[name](found) or (len(found) == 1 and found[0] in ENDED)


@pytest.mark.parametrize("name", PDUS)
def test_sta8_awaiting_the_local_release(listener: Listener, name: str) -> None:
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(RELEASE_RQ + PDUS[name])
        connection.socket.shutdown(socket.SHUT_WR)
        found = answers(connection)
        assert found[0] in ENDED | {"released"}
        assert found[-1] in ENDED
        assert "data" not in found


def expect_no_more(connection: Raw, request_pdu: bytes) -> None:
    """The listener ignores the PDU or aborts, and closes with the caller."""
    connection.send(request_pdu)
    with suppress(OSError):
        connection.socket.shutdown(socket.SHUT_WR)
    assert set(answers(connection)) <= ENDED


@pytest.mark.parametrize("name", PDUS)
def test_sta13_after_a_release(listener: Listener, name: str) -> None:
    """The response was the last word: nothing else is served, and no second release is answered."""
    with Raw(listener.port) as connection:
        connection.associate()
        assert connection.release() == "released"
        expect_no_more(connection, PDUS[name])


@pytest.mark.parametrize("name", PDUS)
def test_sta13_after_an_abort(listener: Listener, name: str) -> None:
    with Raw(listener.port) as connection:
        connection.send(RELEASE_RQ)
        assert connection.answer() in ENDED
        expect_no_more(connection, PDUS[name])


@pytest.mark.parametrize("name", PDUS)
def test_sta13_after_a_rejection(listener: Listener, name: str) -> None:
    with Raw(listener.port) as connection:
        connection.send(associate_rq(called=b"NOBODY"))
        assert connection.answer() == ("reject", 1, 1, 7)
        expect_no_more(connection, PDUS[name])


# PDU, and what may be answered: what contradicts the standard in a length alone may be understood all the same.
LENGTHS: dict[str, tuple[bytes, set[Answer]]] = {
    "A-RELEASE-RQ of 0 bytes": (pdu(5, b""), INVALID | {"released"}),
    "A-RELEASE-RQ of 10 bytes": (pdu(5, bytes(10)), INVALID | {"released"}),
    "A-ABORT of 0 bytes": (pdu(7, b""), ENDED),
    "A-ABORT of 10 bytes": (pdu(7, bytes(10)), ENDED),
    "A-ASSOCIATE-RQ of 3 bytes": (pdu(1, b"abc"), ENDED),
    "P-DATA-TF of 3 bytes": (pdu(4, b"abc"), ENDED),
    "a PDV of no byte": (p_data(pdv(ECHO, 3, b"", length=0)), ENDED),
    "a PDV of 1 byte": (p_data(pdv(ECHO, 3, b"", length=1)), ENDED),
    "a PDV that is longer than its PDU": (p_data(pdv(ECHO, 3, b"abcd", length=7)), ENDED),
    "a PDV of 4 GiB": (p_data(pdv(ECHO, 3, b"abcd", length=0xFFFFFFFF)), ENDED),
    "a PDV that is shorter than the rest": (p_data(pdv(ECHO, 3, echo_command(), length=8)), ENDED),
    "a command of no byte": (p_data(pdv(ECHO, 3, b"")), ENDED),
    "a PDU of 4 GiB": (pdu(4, bytes(300_000), length=0xFFFFFFFF), ENDED),
    "a PDU longer than we take": (p_data(pdv(STORE, 0, bytes(200_000))), ENDED),
    "a release of 4 GiB": (pdu(5, bytes(300_000), length=0xFFFFFFFF), ENDED),
    "an unknown PDU of 4 GiB": (pdu(9, bytes(300_000), length=0xFFFFFFFF), ENDED),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_a_wrong_length_ends_the_association(listener: Listener, name: str) -> None:
    request_pdu, wanted = LENGTHS[name]
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(request_pdu)
        assert connection.answer() in wanted
    with Raw(listener.port) as connection:
        connection.associate()
        assert connection.echo() == 0
    assert listener.litter() == []


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0, 67])
def test_an_a_associate_rq_of_a_wrong_length_is_not_waited_for(listener: Listener, length: int) -> None:
    with Raw(listener.port) as connection:
        connection.send(pdu(1, associate_rq()[6:] + bytes(2 << 20), length=length))
        assert answers(connection)[-1] in ENDED


def test_a_p_data_tf_without_values_changes_nothing_or_ends(listener: Listener) -> None:
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(p_data() + ECHO_RQ)
        assert connection.answer() in ENDED | {"data"}


def test_reserved_bytes_are_ignored(listener: Listener) -> None:
    with Raw(listener.port) as connection:
        connection.associate(associate_rq(reserved=0xFF))
        head = bytearray(ECHO_RQ)
        head[1] = 0xFF
        connection.send(bytes(head))
        assert connection.status() == 0
        connection.send(pdu(5, b"\xff" * 4, reserved=0xFF))
        assert connection.answer() == "released"


def test_a_release_with_a_store_half_done_keeps_nothing(listener: Listener) -> None:
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(STORE_RQ, p_data(pdv(STORE, 0, DATA)), RELEASE_RQ)
        assert connection.answer() in ENDED | {"released"}
    assert listener.litter() == []


def test_a_release_behind_a_store_waits_for_its_answer(listener: Listener) -> None:
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(STORE_RQ + p_data(pdv(STORE, IS_LAST, DATA)) + RELEASE_RQ)
        connection.socket.shutdown(socket.SHUT_WR)
        assert answers(connection) in (["data", "released", CLOSED], ["data", UNEXPECTED])
    assert len(listener.litter()) == 1


@pytest.mark.parametrize("name", ["A-ABORT", "A-RELEASE-RQ", "A-ASSOCIATE-RQ"])
def test_a_pdu_may_come_byte_by_byte(listener: Listener, name: str) -> None:
    with Raw(listener.port) as connection:
        if name != "A-ASSOCIATE-RQ":
            connection.associate()
        connection.send(*(bytes((byte,)) for byte in PDUS[name]))
        assert connection.answer() == {"A-ABORT": CLOSED, "A-RELEASE-RQ": "released"}.get(name, "accepted")
