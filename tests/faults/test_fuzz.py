"""Mutated PDUs and messages: the listener lives, answers the next caller, keeps nothing, holds nothing (B1, B2)."""

import logging
import random
import struct
from collections.abc import Iterator

import pytest

from dicomnet.wire.pdu import IS_LAST, RELEASE_RQ
from tests.conformance.raw import ECHO, STORE, associate_rq, command, echo_command, p_data, pdv, store_command
from tests.faults.recorded import COMMAND, DATA, UID, mutate, recorded
from tests.faults.wire import Held, is_well, say
from tests.peers import Listener

ROUND = 100  # then a caller that is right is served
MIB = 2**20


@pytest.mark.parametrize("number", range(30))
def test_what_is_recorded_is_right(listener: Listener, number: int) -> None:
    """A mutation of what is wrong already would show nothing."""
    answer = say(listener.port, b"".join(recorded()[number]))
    assert not any(kind == 7 for kind in _kinds(answer))
    assert is_well(listener.port)


@pytest.fixture(autouse=True)
def no_error_of_ours(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What a caller sends is never an error of the gateway's."""
    caplog.set_level(logging.ERROR)
    yield
    assert [record.getMessage() for record in caplog.get_records("call")] == []


def fuzz_pdus(listener: Listener, count: int) -> None:
    seeded, associations = random.Random(1), recorded()
    before = Held.now()
    for number in range(count):
        say(listener.port, mutate(seeded.choice(associations), seeded), resets=seeded.random() < 0.1)
        if number % ROUND == 0:
            assert is_well(listener.port), number
    after = Held.now()
    assert after.threads == before.threads == 0
    assert after.files <= before.files + 2
    assert after.memory_bytes < before.memory_bytes + 64 * MIB
    assert all(path.stat().st_size > len(DATA) for path in listener.litter())  # mutations may still be whole instances


def test_mutated_pdus_harm_nobody(listener: Listener) -> None:
    fuzz_pdus(listener, 600)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_twenty_thousand_mutated_pdus_harm_nobody(listener: Listener) -> None:
    fuzz_pdus(listener, 20_000)


def random_message(seeded: random.Random) -> bytes:
    """PDUs of messages that break PS3.7 or PS3.8 in some way, or none."""
    context_id = seeded.choice([ECHO, STORE, STORE, 0, 5, 254, 255])
    field = seeded.choice([0x0001, 0x0010, 0x0020, 0x0021, 0x0030, 0x0FFF, 0x8001, 0x0130, 0x0140, 0x7777, 0xFFFF])
    message_id = seeded.choice([0, 1, 1, 2, 0xFFFF])
    more = {
        seeded.choice([0x0002, 0x0100, 0x0110, 0x0120, 0x0800, 0x1000]): seeded.choice(
            [None, b"", b"\0", b"\1\1", b"\0\0", seeded.randbytes(64), b"1" * 70]
        )
    }
    made = {
        "command": lambda: p_data(pdv(context_id, COMMAND, command(field, message_id, more=more))),
        "store": lambda: p_data(pdv(STORE, COMMAND, store_command(UID, message_id, more=more))),
        "data": lambda: p_data(pdv(context_id, seeded.choice([0, IS_LAST]), DATA[: seeded.randrange(len(DATA))])),
        "whole data": lambda: p_data(pdv(STORE, IS_LAST, DATA)),
        "echo": lambda: p_data(pdv(ECHO, COMMAND, echo_command(message_id, more=more))),
        "nothing": lambda: p_data(pdv(context_id, seeded.choice([0, 1, 2, 3]), b"")),
        "garbage": lambda: p_data(pdv(context_id, COMMAND, seeded.randbytes(seeded.randrange(200)))),
        "tiny": lambda: p_data(*(pdv(STORE, 0, b"") for _ in range(seeded.choice([1, 100, 2_000])))),
        "control": lambda: p_data(pdv(context_id, seeded.randrange(256), DATA)),
    }
    return seeded.choice(list(made.values()))()


def fuzz_messages(listener: Listener, count: int) -> None:
    seeded = random.Random(2)
    before = Held.now()
    for number in range(count):
        messages = [random_message(seeded) for _ in range(seeded.randrange(1, 8))]
        say(listener.port, b"".join([associate_rq(), *messages, RELEASE_RQ]), resets=seeded.random() < 0.1)
        if number % ROUND == 0:
            assert is_well(listener.port), number
    after = Held.now()
    assert after.threads == before.threads == 0
    assert after.files <= before.files + 2
    assert after.memory_bytes < before.memory_bytes + 64 * MIB


def test_messages_that_break_the_protocol_harm_nobody(listener: Listener) -> None:
    fuzz_messages(listener, 300)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_five_thousand_messages_that_break_the_protocol_harm_nobody(listener: Listener) -> None:
    fuzz_messages(listener, 5_000)


def test_a_hundred_thousand_tiny_fragments_are_one_data_set(listener: Listener) -> None:
    fragments = p_data(*(pdv(STORE, 0, b"\0") for _ in range(1_000))) * 100
    head = p_data(pdv(STORE, COMMAND, store_command(UID)), pdv(STORE, 0, DATA))
    tail = p_data(pdv(STORE, IS_LAST, b""))
    before = Held.now()
    answer = say(listener.port, b"".join([associate_rq(), head, fragments, tail, RELEASE_RQ]))
    assert _kinds(answer)[1:] == [4, 6]
    assert Held.now().memory_bytes < before.memory_bytes + 32 * MIB


def test_a_flood_of_cancels_is_forgotten(listener: Listener) -> None:
    cancel = p_data(pdv(ECHO, COMMAND, command(0x0FFF, more={0x0110: None, 0x0120: b"\1\0"})))
    answer = say(listener.port, b"".join([associate_rq(), cancel * 10_000, RELEASE_RQ]))
    assert _kinds(answer) == [2, 6]


def _kinds(answer: bytes) -> list[int]:
    kinds, position = [], 0
    while position + 6 <= len(answer):
        kind, length = struct.unpack_from(">BxL", answer, position)
        kinds.append(kind)
        position += 6 + length
    return kinds
