"""Bytes to messages, however they are cut (PS3.8 9.3, PS3.7 6.3)."""

import random
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from typing_extensions import Buffer

from dicomnet.wire import operations, pdu, receive
from dicomnet.wire.connection import Connection, ConnectionLost
from dicomnet.wire.operations import Incoming, ProtocolError
from dicomnet.wire.receive import Receiver, Step

SWALLOWED = b"answer"


@dataclass
class Instance:
    """Where a streamed data set goes in these tests."""

    log: list[object]
    data: bytearray = field(default_factory=bytearray)

    def write(self, *pieces: Buffer) -> None:
        for piece in pieces:
            self.data += memoryview(piece)

    def finish(self) -> bytes:
        self.log.append(("stored", bytes(self.data)))
        return SWALLOWED

    def discard(self) -> None:
        self.log.append("discarded")


@dataclass
class Recorder:
    """Streams C-STORE, answers C-ECHO at once, hands on the rest."""

    log: list[object] = field(default_factory=list)

    def begin(self, context_id: int, command: dict[int, bytes]) -> Incoming | bytes | None:
        if command[pdu.COMMAND_FIELD] == pdu.C_STORE_RQ:
            return Instance(self.log)
        if command[pdu.COMMAND_FIELD] == pdu.C_ECHO_RQ:
            self.log.append(("echo", context_id))
            return SWALLOWED
        return None

    def hand_on(self, context_id: int, control: int, value: bytes) -> None:
        self.log.append((context_id, control, len(value)))

    def cancel(self, message_id: int) -> None:
        self.log.append(("cancel", message_id))


@dataclass
class Wire:
    peer: socket.socket
    connection: Connection
    recorder: Recorder
    receiver: Receiver

    def step(self, *, is_established: bool = True) -> Step:
        return self.receiver.consume(is_established=is_established)

    def take(self, data: bytes) -> Step:
        """Send these bytes and consume all of them; the last reason to stop."""
        self.peer.sendall(data)
        got, step = 0, Step.NEED_MORE
        while got < len(data):
            before = self.connection.end - self.connection.start
            assert self.connection.fill(time.monotonic() + 20)
            got += self.connection.end - self.connection.start - before
            step = self.step()
            while step is Step.MESSAGE and self.connection.start < self.connection.end:
                step = self.step()
        return step


@pytest.fixture
def wire() -> Iterator[Wire]:
    ours, theirs = socket.socketpair()
    connection, recorder = Connection(ours, "127.0.0.1", 1), Recorder()
    try:
        yield Wire(theirs, connection, recorder, Receiver(connection, recorder))
    finally:
        connection.close()
        theirs.close()


def command(field_value: bytes, *, has_data_set: bool, message_id: int = 1) -> bytes:
    return pdu.command_set(
        [
            (pdu.COMMAND_FIELD, field_value),
            (pdu.MESSAGE_ID, pdu.encode_us(message_id)),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.HAS_DATA_SET if has_data_set else pdu.NO_DATA_SET),
        ]
    )


def cancel(message_id: int) -> bytes:
    return pdu.command_pdus(
        1,
        [
            (pdu.COMMAND_FIELD, pdu.C_CANCEL_RQ),
            (pdu.MESSAGE_ID_BEING_RESPONDED_TO, pdu.encode_us(message_id)),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.NO_DATA_SET),
        ],
        1000,
    )


def p_data(*fragments: tuple[int, bytes], context_id: int = 1) -> bytes:
    body = b"".join(pdu.PDV_HEADER.pack(len(data) + 2, context_id, control) + data for control, data in fragments)
    return pdu.PDU_HEADER.pack(pdu.P_DATA_TF, len(body)) + body


STORE = command(pdu.C_STORE_RQ, has_data_set=True)
FIND = command(pdu.C_FIND_RQ, has_data_set=True)
ECHO = command(pdu.C_ECHO_RQ, has_data_set=False)


def cut(data: bytes, seeded: random.Random, control: int) -> list[tuple[int, bytes]]:
    """The same bytes in fragments of any length, empty ones too."""
    bounds = sorted(seeded.choices(range(len(data) + 1), k=seeded.randrange(5)))
    pieces = [data[start:stop] for start, stop in zip([0, *bounds], [*bounds, len(data)], strict=True)]
    return [(control, piece) for piece in pieces[:-1]] + [(control | pdu.IS_LAST, pieces[-1])]


@pytest.mark.parametrize("seed", range(40))
def test_however_messages_are_cut_they_come_out_whole(wire: Wire, seed: int) -> None:
    seeded = random.Random(seed)
    expected: list[object] = []
    stream = b""
    for _ in range(6):
        data = seeded.randbytes(seeded.choice([0, 2, 500, 9_000]))
        kind = seeded.choice(["store", "find", "echo"])
        if kind == "echo":
            parts = cut(ECHO, seeded, pdu.IS_COMMAND)
            expected.append(("echo", 1))
        else:
            parts = cut(STORE if kind == "store" else FIND, seeded, pdu.IS_COMMAND) + cut(data, seeded, 0)
            expected += [("stored", data)] if kind == "store" else [(1, 3, len(FIND)), (1, 2, len(data))]
        while parts:
            count = seeded.randrange(1, len(parts) + 1)
            stream += p_data(*parts[:count])
            parts = parts[count:]
    while stream:
        count = seeded.randrange(1, 3_000)
        wire.take(stream[:count])
        stream = stream[count:]
    assert wire.recorder.log == expected
    assert wire.receiver.is_idle
    assert wire.receiver.deadline is None


def test_a_request_waits_until_the_one_in_service_is_done(wire: Wire) -> None:
    assert wire.take(p_data((3, FIND), (2, b"who"))) is Step.MESSAGE
    wire.receiver.is_serving = True
    assert wire.take(cancel(1) + p_data((3, STORE), (2, b"data"))) is Step.WAITING
    assert wire.recorder.log[2:] == [("cancel", 1)]
    assert not wire.receiver.is_idle
    assert wire.step() is Step.WAITING
    wire.receiver.is_serving = False
    assert wire.step() is Step.NEED_MORE
    assert wire.recorder.log[3:] == [("stored", b"data")]


def test_a_response_does_not_wait(wire: Wire) -> None:
    wire.receiver.is_serving = True
    response = command(b"\x00\x81", has_data_set=False)
    assert wire.take(p_data((3, response))) is Step.MESSAGE
    assert wire.recorder.log == [(1, 3, len(response))]


def test_a_pdu_of_another_kind_is_collected_whole(wire: Wire) -> None:
    wire.peer.sendall(pdu.RELEASE_RQ + b"rest")
    assert wire.connection.fill(time.monotonic() + 20)
    assert wire.step() is Step.OTHER_PDU
    assert wire.receiver.other == pdu.RELEASE_RQ


def test_what_was_begun_and_not_ended_is_discarded(wire: Wire) -> None:
    wire.take(p_data((3, STORE), (0, b"half")))
    assert not wire.receiver.is_idle
    wire.receiver.discard()
    wire.receiver.discard()
    assert wire.recorder.log == ["discarded"]


def header(kind: int, length: int) -> bytes:
    return struct.pack(">BxL", kind, length)


BROKEN: dict[str, tuple[bytes, int]] = {
    "another protocol": (b"GET / HTTP/1.1\r\n", operations.UNRECOGNISED_PDU),
    "PDU type 0": (header(0, 10), operations.UNRECOGNISED_PDU),
    "PDU type 8": (header(8, 10), operations.UNRECOGNISED_PDU),
    "4 GiB of P-DATA": (header(4, 0xFFFFFFFF), operations.INVALID_PARAMETER),
    "an empty P-DATA": (header(4, 0), operations.INVALID_PARAMETER),
    "4 GiB of A-ASSOCIATE-RQ": (header(1, 0xFFFFFFFF), operations.INVALID_PARAMETER),
    "a long A-ABORT": (header(7, 5), operations.INVALID_PARAMETER),
    "a PDV of length 0": (header(4, 6) + pdu.PDV_HEADER.pack(0, 1, 3), operations.INVALID_PARAMETER),
    "a PDV of length 1": (header(4, 6) + pdu.PDV_HEADER.pack(1, 1, 3), operations.INVALID_PARAMETER),
    "a PDV longer than its PDU": (header(4, 8) + pdu.PDV_HEADER.pack(5, 1, 3) + b"xx", operations.INVALID_PARAMETER),
    "half a PDV header at the end": (
        header(4, len(ECHO) + 9) + p_data((3, ECHO))[6:] + b"\0\0\0",
        operations.INVALID_PARAMETER,
    ),
    "a data set before its command": (p_data((2, b"data")), operations.UNEXPECTED_PDU),
    "a command within a data set": (p_data((3, STORE), (0, b"data"), (3, ECHO)), operations.UNEXPECTED_PDU),
    "a data set in another context": (
        p_data((3, STORE)) + p_data((2, b"data"), context_id=3),
        operations.INVALID_PARAMETER,
    ),
    "a command set that is none": (p_data((3, b"\x08\0\x16\0\4\0\0\0abcd")), operations.INVALID_PARAMETER),
    "a command set cut off": (p_data((3, ECHO[:-1])), operations.INVALID_PARAMETER),
    "a command set without its field": (p_data((3, pdu.command_set([]))), operations.INVALID_PARAMETER),
    "a command set that does not end": (p_data((1, bytes(60_000))) * 2, operations.INVALID_PARAMETER),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_breaks_the_protocol_is_said_with_a_reason(wire: Wire, name: str) -> None:
    data, reason = BROKEN[name]
    with pytest.raises(ProtocolError) as caught:
        wire.take(data)
    assert caught.value.reason == reason


def test_an_identifier_has_a_limit(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "MAXIMUM_MESSAGE_BYTES", 10_000)
    wire.take(p_data((3, FIND), (0, bytes(9_000))))
    with pytest.raises(ProtocolError, match="too long"):
        wire.take(p_data((0, bytes(9_000))))


def test_a_message_that_trickles_in_is_broken_off(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    wire.take(p_data((3, STORE), (0, b"one")))
    monkeypatch.setattr(receive, "GRACE_SECONDS", -1)
    monkeypatch.setattr(receive, "MINIMUM_BYTES_PER_SECOND", 1e9)
    with pytest.raises(ProtocolError, match="too slowly"):
        wire.take(p_data((0, b"two")))


def test_a_pdu_that_has_begun_has_a_deadline(wire: Wire) -> None:
    deadlines = [wire.receiver.deadline]
    for part in (p_data((3, ECHO))[:3], p_data((3, ECHO))[3:]):
        wire.take(part)
        deadlines.append(wire.receiver.deadline)
    assert [deadline is None for deadline in deadlines] == [True, False, True]


def test_after_an_error_everything_is_dropped(wire: Wire) -> None:
    wire.take(p_data((3, STORE), (0, b"half")))
    wire.receiver.drain()
    assert wire.take(p_data((3, ECHO)) + b"anything at all") is Step.NEED_MORE
    assert wire.recorder.log == ["discarded"]


def test_a_closed_connection_is_told_from_a_silent_one(wire: Wire) -> None:
    assert not wire.connection.fill(time.monotonic() + 0.01)
    wire.peer.close()
    with pytest.raises(ConnectionLost):
        wire.connection.fill(time.monotonic() + 20)


def test_an_interrupt_ends_the_wait(wire: Wire) -> None:
    wire.connection.interrupt()
    with pytest.raises(ConnectionLost):
        wire.connection.fill(time.monotonic() + 20)
    assert wire.connection.interrupted
