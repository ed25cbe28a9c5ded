"""How a message may be cut: PDUs and fragments of every size, many fragments in one PDU (PS3.8 9.3.5, D.1, E)."""

import random

import pytest

from dicomnet.tls import TlsFiles, client_context
from dicomnet.wire.pdu import IS_COMMAND, IS_LAST
from tests.conformance.programs import Tls
from tests.conformance.raw import ECHO, STORE, Raw, echo_command, p_data, pdv, store_command
from tests.corpus import data_set, data_set_bytes, element
from tests.peers import Listener

pytestmark = pytest.mark.embedded  # no database has a part in it
UID = "1.2.3.9"
WHOLE = IS_COMMAND | IS_LAST
COMMAND = store_command(UID)


def data_of(size: int) -> bytes:
    """A data set with a private element of random bytes."""
    private = element(0x00990010, "LO", b"ME") + element(0x00991010, "OB", random.Random(size).randbytes(size))
    return data_set(sop_instance_uid=UID.encode(), late=private)


def cut(data: bytes, size: int, control: int = 0) -> list[bytes]:
    """Presentation data values of so many bytes; the last one is marked."""
    return [
        pdv(STORE, control | (IS_LAST if start + size >= len(data) else 0), data[start : start + size])
        for start in range(0, len(data), size)
    ]


def expect_stored(listener: Listener, data: bytes, *pieces: bytes) -> None:
    """Send the pieces as they are; the request is answered with success and its bytes are in the spool."""
    with Raw(listener.port) as connection:
        connection.associate()
        connection.send(*pieces)
        assert connection.status() == 0
        assert connection.echo() == 0
        assert connection.release() == "released"
    (path,) = listener.spool.waiting()
    assert data_set_bytes(path) == data


@pytest.mark.parametrize("size", [2, 16, 128, 4_090, 16_378, 32_762, 65_530, 131_066])
def test_fragments_of_any_size_one_in_each_pdu(listener: Listener, size: int) -> None:
    data = data_of(400 if size < 100 else 300_000)
    expect_stored(listener, data, p_data(pdv(STORE, WHOLE, COMMAND)), *map(p_data, cut(data, size)))


@pytest.mark.parametrize("size", [1, 3, 4_091])
def test_fragments_of_odd_size_are_taken(listener: Listener, size: int) -> None:
    """PS3.8 9.3.5.1 wants an even number of bytes; there are senders that do not know."""
    data = data_of(400 if size < 100 else 30_000)
    expect_stored(listener, data, p_data(pdv(STORE, WHOLE, COMMAND)), *map(p_data, cut(data, size)))


@pytest.mark.parametrize("size", [1, 2, 30, 1_000])
def test_many_values_in_one_pdu(listener: Listener, size: int) -> None:
    data = data_of(1_000 if size < 100 else 60_000)
    expect_stored(listener, data, p_data(pdv(STORE, WHOLE, COMMAND), *cut(data, size)))


def test_a_command_byte_by_byte(listener: Listener) -> None:
    data = data_of(10)
    fragments = cut(COMMAND, 1, IS_COMMAND)
    expect_stored(listener, data, *map(p_data, fragments), p_data(pdv(STORE, IS_LAST, data)))


def test_a_command_byte_by_byte_in_one_pdu_with_its_data_set(listener: Listener) -> None:
    data = data_of(10)
    expect_stored(listener, data, p_data(*cut(COMMAND, 1, IS_COMMAND), *cut(data, 1)))


def test_the_end_of_the_command_and_the_begin_of_the_data_set_in_one_pdu(listener: Listener) -> None:
    data = data_of(5_000)
    expect_stored(
        listener,
        data,
        p_data(pdv(STORE, IS_COMMAND, COMMAND[:33])),
        p_data(pdv(STORE, WHOLE, COMMAND[33:]), pdv(STORE, 0, data[:77])),
        p_data(pdv(STORE, 0, data[77:4_000]), pdv(STORE, IS_LAST, data[4_000:])),
    )


def test_empty_fragments(listener: Listener) -> None:
    """An empty last fragment is what a sender writes that learns of the end too late."""
    data = data_of(100)
    empty = pdv(STORE, 0, b"")
    expect_stored(
        listener,
        data,
        p_data(pdv(STORE, IS_COMMAND, b""), pdv(STORE, IS_COMMAND, COMMAND)),
        p_data(pdv(STORE, WHOLE, b"")),
        p_data(empty),
        p_data(empty, pdv(STORE, 0, data[:50]), empty, pdv(STORE, 0, data[50:])),
        p_data(pdv(STORE, IS_LAST, b"")),
    )


@pytest.mark.parametrize("bits", [0x04, 0x80, 0xFC])
def test_other_bits_of_the_message_control_header_are_ignored(listener: Listener, bits: int) -> None:
    """PS3.8 E.2: bits 2 to 7 are not tested."""
    data = data_of(100)
    expect_stored(
        listener,
        data,
        p_data(pdv(STORE, WHOLE | bits, COMMAND)),
        p_data(pdv(STORE, bits, data[:50]), pdv(STORE, IS_LAST | bits, data[50:])),
    )


def test_a_message_that_comes_byte_by_byte(listener: Listener) -> None:
    data = data_of(10)
    stream = p_data(pdv(STORE, WHOLE, COMMAND)) + p_data(pdv(STORE, IS_LAST, data))
    expect_stored(listener, data, *(bytes((byte,)) for byte in stream))


@pytest.mark.parametrize("secured", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("seed", range(20))
def test_any_cut_at_all(listener: Listener, tls_port: int, peer_tls: Tls, seed: int, secured: bool) -> None:
    """Fragments, PDUs and segments or TLS records cut at random, over messages that alternate with echoes."""
    seeded = random.Random(seed)
    sent, stream = [], b""
    for number in range(4):
        uid = f"{UID}.{number}"
        size = 2 * seeded.randrange(20_000)
        data = data_set(sop_instance_uid=uid.encode(), late=element(0x00991010, "OB", seeded.randbytes(size)))
        sent.append(data)
        values: list[bytes] = []
        for context_id, kind, message in (
            (STORE, IS_COMMAND, store_command(uid)),
            (STORE, 0, data),
            (ECHO, IS_COMMAND, echo_command()),
        ):
            position = 0
            while position < len(message):
                piece = message[position : position + seeded.choice((1, 7, 100, 5_000, 50_000))]
                position += len(piece)
                values.append(pdv(context_id, kind | (IS_LAST if position == len(message) else 0), piece))
        while values:
            count = seeded.randrange(1, 6)
            group, values = values[:count], values[count:]
            while sum(map(len, group)) > 131_072:
                values.insert(0, group.pop())
            stream += p_data(*group)
    context = client_context(TlsFiles(peer_tls.own.cert, peer_tls.own.key, peer_tls.ca.cert)) if secured else None
    with Raw(tls_port if secured else listener.port, context) as connection:
        connection.associate()
        position = 0
        while position < len(stream):
            size = seeded.choice((1, 5, 6, 11, 12, 13, 1_000, 100_000))
            connection.send(stream[position : position + size])
            position += size
        for _ in range(4):
            assert connection.status() == 0
            assert connection.status() == 0
        assert connection.release() == "released"
    assert [data_set_bytes(path) for path in listener.spool.waiting()] == sent
