"""DIMSE messages as provider: commands right, wrong and of services that nobody offers (PS3.7 6.3, 9, Annex E)."""

import struct

import pytest

from dicomnet.wire.pdu import HAS_DATA_SET, IS_COMMAND, IS_LAST
from tests.conformance.raw import (
    C_CANCEL,
    C_ECHO,
    C_FIND,
    C_GET,
    C_MOVE,
    ECHO,
    IMPLICIT,
    N_ACTION,
    N_CREATE,
    N_DELETE,
    N_EVENT_REPORT,
    N_GET,
    N_SET,
    STORE,
    VERIFICATION,
    Elements,
    Raw,
    associate_rq,
    command,
    echo_command,
    p_data,
    pdv,
    store_command,
)
from tests.conformance.test_state_machine import ENDED
from tests.corpus import data_set, data_set_bytes
from tests.peers import Listener

pytestmark = pytest.mark.embedded  # no database has a part in it
UID = "1.2.3.9"
DATA = data_set(sop_instance_uid=UID.encode())
WHOLE = IS_COMMAND | IS_LAST
TOO_LONG = "1." + "2" * 63
SUCCESS, SOP_CLASS_NOT_SUPPORTED, UNRECOGNISED_OPERATION = 0x0000, 0x0122, 0x0211
IDENTIFIER = b"\x08\0\x52\0CS\6\0STUDY "


@pytest.mark.parametrize("message_id", [0, 1, 255, 256, 32_767, 65_535])
def test_the_message_id_comes_back(listener: Listener, message_id: int) -> None:
    with Raw(listener.port) as connection:
        connection.associate()
        assert connection.echo(message_id) == SUCCESS
        connection.send(p_data(pdv(STORE, WHOLE, store_command(UID, message_id)), pdv(STORE, IS_LAST, DATA)))
        assert connection.response()[0x0120] == struct.pack("<H", message_id)
        assert connection.release() == "released"


def test_a_response_says_what_it_answers(listener: Listener) -> None:
    """PS3.7 Tables 9.3-2 and 9.3-13."""
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(p_data(pdv(STORE, WHOLE, store_command(UID, 7)), pdv(STORE, IS_LAST, DATA)))
        stored = connection.response()
        connection.send(p_data(pdv(ECHO, WHOLE, echo_command(8))))
        echoed = connection.response()
    assert (stored[0x0100], stored[0x0120], stored[0x0800], stored[0x0900]) == (b"\1\x80", b"\7\0", b"\1\1", b"\0\0")
    assert stored[0x1000].rstrip(b"\0") == UID.encode()
    assert (echoed[0x0100], echoed[0x0120], echoed[0x0800], echoed[0x0900]) == (
        b"\x30\x80",
        b"\x08\0",
        b"\1\1",
        b"\0\0",
    )
    for response in (stored, echoed):
        assert all(len(value) % 2 == 0 for value in response.values())
        assert response[0x0000] == struct.pack("<L", sum(8 + len(value) for value in response.values()) - 12)


# Requests of services that the listener does not offer: context, command set, data set; every one is answered.
FIND = "1.2.840.10008.5.1.4.1.2.2.1"
OTHER_SERVICES: dict[str, tuple[int, bytes, bytes]] = {
    "C-FIND": (
        STORE,
        command(C_FIND, sop_class=FIND, more={0x0800: HAS_DATA_SET}),
        IDENTIFIER,
    ),
    "C-MOVE": (
        STORE,
        command(C_MOVE, sop_class="1.2.840.10008.5.1.4.1.2.2.2", more={0x0600: b"SOMEBODY", 0x0800: HAS_DATA_SET}),
        IDENTIFIER,
    ),
    "C-GET": (STORE, command(C_GET, sop_class="1.2.840.10008.5.1.4.1.2.2.3", more={0x0800: HAS_DATA_SET}), IDENTIFIER),
    "N-EVENT-REPORT": (
        STORE,
        command(N_EVENT_REPORT, sop_class="1.2.3", more={0x1000: b"1.2\0", 0x1002: b"\1\0", 0x0800: HAS_DATA_SET}),
        IDENTIFIER,
    ),
    "N-GET": (STORE, command(N_GET, more={0x0003: b"1.2\0", 0x1001: b"1.2\0"}), b""),
    "N-SET": (STORE, command(N_SET, more={0x0003: b"1.2\0", 0x1001: b"1.2\0", 0x0800: HAS_DATA_SET}), IDENTIFIER),
    "N-ACTION": (STORE, command(N_ACTION, more={0x0003: b"1.2\0", 0x1001: b"1.2\0", 0x1008: b"\1\0"}), b""),
    "N-ACTION in a context of Verification": (ECHO, command(N_ACTION, more={0x0003: b"1.2\0", 0x1008: b"\1\0"}), b""),
    "N-CREATE": (STORE, command(N_CREATE, sop_class="1.2.3", more={0x0800: HAS_DATA_SET}), IDENTIFIER),
    "N-DELETE": (STORE, command(N_DELETE, more={0x0003: b"1.2\0", 0x1001: b"1.2\0"}), b""),
    "a command that nobody knows": (ECHO, command(0x0031, sop_class=VERIFICATION), b""),
    "command 0": (ECHO, command(0, sop_class=VERIFICATION), b""),
    "a command with a data set that nobody knows": (
        STORE,
        command(0x0F0F, sop_class=VERIFICATION, more={0x0800: HAS_DATA_SET}),
        IDENTIFIER,
    ),
}


@pytest.mark.parametrize("name", OTHER_SERVICES)
def test_a_service_that_nobody_offers_is_refused_and_the_association_goes_on(listener: Listener, name: str) -> None:
    """PS3.7 C.5.23: unrecognized operation."""
    context_id, request, data = OTHER_SERVICES[name]
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(p_data(pdv(context_id, WHOLE, request)))
        if data:
            connection.send(p_data(pdv(context_id, IS_LAST, data)))
        response = connection.response()
        assert int.from_bytes(response[0x0900], "little") in {UNRECOGNISED_OPERATION, SOP_CLASS_NOT_SUPPORTED}
        assert response[0x0120] == b"\1\0"
        assert response[0x0800] == b"\1\1"
        assert connection.echo() == SUCCESS
        assert connection.release() == "released"


def test_a_cancel_without_a_query_is_not_answered(listener: Listener) -> None:
    """PS3.7 9.3.2.3: a C-CANCEL has no response."""
    cancel = command(C_CANCEL, more={0x0110: None, 0x0120: b"\7\0"})
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(p_data(pdv(STORE, WHOLE, cancel)), p_data(pdv(ECHO, WHOLE, cancel)))
        assert connection.echo(8) == SUCCESS
        assert connection.release() == "released"


def test_a_response_that_nobody_waits_for_changes_nothing_or_ends(listener: Listener) -> None:
    stray = command(C_ECHO | 0x8000, sop_class=VERIFICATION, more={0x0110: None, 0x0120: b"\1\0", 0x0900: b"\0\0"})
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(p_data(pdv(ECHO, WHOLE, stray)), p_data(pdv(ECHO, WHOLE, echo_command(9))))
        kind = connection.answer()
        assert kind in ENDED | {"data"}


# A C-STORE request whose command set is not what it should be; all but the first two are refused.
COMMANDS: dict[str, tuple[Elements, set[int]]] = {
    "without a priority": ({0x0700: None}, {SUCCESS}),
    "with elements that nobody knows": ({0x0FFE: b"whatever"}, {SUCCESS}),
    "without SOP Instance UID": ({0x1000: None}, {0xC000}),
    "without SOP Class UID": ({0x0002: None}, {0xC000}),
    "with an empty SOP Instance UID": ({0x1000: b""}, {0xC000}),
    "with a SOP Instance UID of 65 characters": ({0x1000: TOO_LONG.encode() + b"\0"}, {0xC000, 0x0117}),
    "with a SOP Class UID of 65 characters": ({0x0002: TOO_LONG.encode() + b"\0"}, {0xC000, 0x0117, 0x0122}),
    "with a SOP Instance UID of 10,000 characters": ({0x1000: b"1" * 10_000}, {0xC000, 0x0117}),
    "with a SOP Instance UID that is a path": ({0x1000: b"../../xy"}, {0xC000, 0x0117}),
    "with a SOP Instance UID that is no ASCII": ({0x1000: b"1.2.\xff\xfe"}, {0xC000, 0x0117}),
    "that says it has no data set": ({0x0800: b"\1\1"}, {0xC000}),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_store_request_is_answered(listener: Listener, name: str) -> None:
    more, wanted = COMMANDS[name]
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(p_data(pdv(STORE, WHOLE, store_command(UID, more=more))))
        if 0x0800 not in more:
            connection.send(p_data(pdv(STORE, IS_LAST, DATA)))
        status = connection.status()
        assert status in wanted
        assert connection.echo() == SUCCESS
        assert connection.release() == "released"
    assert len(listener.litter()) == (1 if status == SUCCESS else 0)


def test_the_group_length_may_lie(listener: Listener) -> None:
    with Raw(listener.port) as connection:
        connection.associate()
        for lie in (b"\0\0\0\0", b"\xff\xff\xff\xff"):
            request = bytearray(echo_command())
            request[8:12] = lie
            connection.send(p_data(pdv(ECHO, WHOLE, bytes(request))))
            assert connection.status() == SUCCESS


# What has no command set that could be answered: it is not answered, and nothing is kept.
BROKEN: dict[str, list[bytes]] = {
    "random bytes": [p_data(pdv(ECHO, WHOLE, b"\xff" * 100))],
    "zeros": [p_data(pdv(ECHO, WHOLE, bytes(100)))],
    "cut off within a value": [p_data(pdv(ECHO, WHOLE, echo_command()[:-1]))],
    "cut off within an element's header": [p_data(pdv(ECHO, WHOLE, echo_command()[:-7]))],
    "without Command Field": [p_data(pdv(ECHO, WHOLE, echo_command(more={0x0100: None})))],
    "with a Command Field of no byte": [p_data(pdv(ECHO, WHOLE, echo_command(more={0x0100: b""})))],
    "without Message ID": [p_data(pdv(ECHO, WHOLE, echo_command(more={0x0110: None})))],
    "with a Message ID of one byte": [p_data(pdv(ECHO, WHOLE, echo_command(more={0x0110: b"\1"})))],
    "without Command Data Set Type": [p_data(pdv(ECHO, WHOLE, echo_command(more={0x0800: None})))],
    "a store without Command Data Set Type": [
        p_data(pdv(STORE, WHOLE, store_command(UID, more={0x0800: None})), pdv(STORE, IS_LAST, DATA))
    ],
    "a store without Message ID": [
        p_data(pdv(STORE, WHOLE, store_command(UID, more={0x0110: None})), pdv(STORE, IS_LAST, DATA))
    ],
    "a command set without end": [p_data(pdv(ECHO, IS_COMMAND, bytes(16_000)))] * 20,
    "a data set before a command": [p_data(pdv(STORE, IS_LAST, DATA))],
    "a data set after a C-ECHO": [p_data(pdv(ECHO, WHOLE, echo_command()), pdv(ECHO, IS_LAST, DATA))],
    "a data set on another context": [p_data(pdv(STORE, WHOLE, store_command(UID)), pdv(ECHO, IS_LAST, DATA))],
    "another command before its data set": [
        p_data(pdv(STORE, WHOLE, store_command(UID)), pdv(ECHO, WHOLE, echo_command())),
        p_data(pdv(STORE, IS_LAST, DATA)),
    ],
    "a command that goes on, on another context": [
        p_data(pdv(ECHO, IS_COMMAND, echo_command()[:20]), pdv(STORE, WHOLE, echo_command()[20:]))
    ],
    "a context that was not proposed": [p_data(pdv(7, WHOLE, echo_command()))],
    "an even context": [p_data(pdv(2, WHOLE, echo_command()))],
    "context 0": [p_data(pdv(0, WHOLE, echo_command()))],
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_message_ends_the_association_or_is_passed_over(listener: Listener, name: str) -> None:
    """The listener aborts, or takes what it can make sense of; it neither waits nor keeps what nobody asked it to."""
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(*BROKEN[name], p_data(pdv(ECHO, WHOLE, echo_command(9))))
        answer = connection.answer()
        assert answer in ENDED | {"data"}
    with Raw(listener.port) as connection:
        connection.associate()
        assert connection.echo() == SUCCESS
    assert listener.litter() == []


MUST_END = [
    "a data set before a command",
    "a context that was not proposed",
    "an even context",
    "a command set without end",
]


@pytest.mark.parametrize("name", MUST_END)
def test_what_cannot_be_understood_is_aborted(listener: Listener, name: str) -> None:
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(*BROKEN[name])
        assert connection.answer() in ENDED


def test_an_echo_on_a_storage_context_is_answered(listener: Listener) -> None:
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(p_data(pdv(STORE, WHOLE, echo_command())))
        connection.response()
        assert connection.echo() == SUCCESS


def test_a_context_that_was_rejected_cannot_be_used(listener: Listener) -> None:
    contexts = [(1, VERIFICATION, [IMPLICIT]), (3, FIND, [IMPLICIT])]
    find = command(C_FIND, sop_class=FIND, more={0x0800: HAS_DATA_SET})
    with Raw(listener.port) as connection:
        connection.associate(associate_rq(contexts))
        connection.send(p_data(pdv(3, WHOLE, find), pdv(3, IS_LAST, IDENTIFIER)))
        assert connection.answer() in ENDED


def test_requests_sent_ahead_are_answered_in_turn(listener: Listener) -> None:
    """Nobody may (PS3.7 D.3.3.3: one operation at a time), and some do."""
    sent = []
    for number in range(20):
        uid = f"{UID}.{number}"
        data = data_set(sop_instance_uid=uid.encode())
        sent.append(data)
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(
            b"".join(
                p_data(pdv(STORE, WHOLE, store_command(f"{UID}.{number}", number)), pdv(STORE, IS_LAST, data))
                + p_data(pdv(ECHO, WHOLE, echo_command(number + 100)))
                for number, data in enumerate(sent)
            )
        )
        for number in range(20):
            for message_id in (number, number + 100):
                response = connection.response()
                assert (response[0x0120], response[0x0900]) == (struct.pack("<H", message_id), b"\0\0")
        assert connection.release() == "released"
    assert [data_set_bytes(path) for path in listener.spool.waiting()] == sent
