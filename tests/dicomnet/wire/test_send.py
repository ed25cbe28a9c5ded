"""C-STORE requests on the wire: pipelined, noticed answers, files that change, any size (PS3.7 9.1.1, D.3.3.3)."""

import os
import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from dicomnet.scu.store import WINDOW, AssociationLost, Outgoing, Sent, StoreAssociation, StoreOutcome
from dicomnet.wire import pdu
from tests.certificates import authority
from tests.corpus import write_part10
from tests.peers import (
    accept_association,
    command_elements,
    command_set,
    p_data,
    peer,
    read_exactly,
    read_message,
    read_pdu,
    scripted_peer,
    storing_peer,
    tcp_peer,
)

PATIENCE = 20.0
ABORT = struct.pack(">BxLBBBB", 7, 4, 0, 0, 2, 6)


def reply(context_id: int, message_id: bytes, status: int = 0) -> bytes:
    elements = {0x0100: b"\x01\x80", 0x0120: message_id, 0x0800: b"\x01\x01", 0x0900: struct.pack("<H", status)}
    return p_data((context_id, 3, command_set(elements)))


def instances_in(folder: Path, count: int, size: int = 200) -> list[Outgoing]:
    return [Outgoing.from_file(write_part10(folder, bytes(size), uid=f"1.2.3.{number}")) for number in range(count)]


@pytest.fixture
def large(tmp_path: Path) -> Outgoing:
    """More than the buffers of both ends hold."""
    return Outgoing.from_file(write_part10(tmp_path, bytes(40 << 20)))


def associate(port: int, instance: Outgoing, *, window: int = WINDOW) -> StoreAssociation:
    return StoreAssociation(peer(port, timeout_seconds=PATIENCE), [instance.context], window=window)


class Late:
    """A peer that answers nothing until so many requests are there, then answers them in the reverse order."""

    def __init__(self, group: int) -> None:
        self.group = group
        self.came_too_early = False
        self.waiting: list[tuple[int, bytes]] = []

    def answer(self, connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        self.waiting.append((context_id, command[0x0110]))
        if len(self.waiting) < self.group:
            return
        self.came_too_early |= bool(select.select([connection], [], [], 0)[0])
        for context, message_id in reversed(self.waiting):
            status = 0xA700 if int.from_bytes(message_id, "little") % 2 == 0 else 0
            connection.sendall(reply(context, message_id, status))
        self.waiting.clear()


@pytest.mark.parametrize("window", [2, 5, 0], ids=["2", "5", "unlimited"])
def test_as_many_are_under_way_as_the_peer_grants_and_answers_come_in_any_order(tmp_path: Path, window: int) -> None:
    late = Late(window or 10)
    instances = instances_in(tmp_path, 10)
    with scripted_peer(late.answer, window=window) as port, associate(port, instances[0], window=10) as assoc:
        assert assoc.window == (window or 10)
        found = list(assoc.send_all(instances))
    assert not late.came_too_early
    statuses = {sent.instance.sop_instance_uid: sent.outcome for sent in found}
    assert statuses == {f"1.2.3.{n}": StoreOutcome(0xA700 if n % 2 else 0) for n in range(10)}
    assert [sent.instance for sent in found] != instances


def test_a_peer_that_grants_none_gets_one_after_the_other(tmp_path: Path) -> None:
    instances = instances_in(tmp_path, 5)
    with storing_peer() as storing:
        with associate(storing.port, instances[0]) as assoc:
            assert assoc.window == 1
            assert [sent.instance for sent in assoc.send_all(instances)] == instances
        assert storing.calls == [instance.sop_instance_uid for instance in instances]


def test_a_grant_beyond_what_was_asked_is_not_used(tmp_path: Path) -> None:
    (instance,) = instances_in(tmp_path, 1)
    with scripted_peer(lambda *_: None, window=100) as port:
        assoc = associate(port, instance, window=3)
        assert assoc.window == 3
        assoc.abort()


def test_bad_files_among_good_ones_are_told_and_the_others_go_on(tmp_path: Path) -> None:
    good = instances_in(tmp_path, 3)
    missing = replace(good[0], path=tmp_path / "missing.dcm")
    short = replace(good[1], size_bytes=good[1].size_bytes + 2)
    odd = replace(good[1], size_bytes=good[1].size_bytes + 1)
    other = replace(good[1], sop_class_uid="1.2.3.4")
    with storing_peer() as storing, associate(storing.port, good[0]) as assoc:
        found = list(assoc.send_all([missing, good[0], short, odd, good[1], other, good[2]]))
    outcomes = {sent.instance: sent.outcome for sent in found}
    assert len(found) == 7
    assert [outcomes[instance] for instance in good] == [StoreOutcome(0)] * 3
    assert isinstance(outcomes[missing], FileNotFoundError)
    assert "size" in str(outcomes[short])
    assert "odd length" in str(outcomes[odd])
    assert "does not accept" in str(outcomes[other])
    assert storing.calls == [instance.sop_instance_uid for instance in good]


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    instances = instances_in(tmp_path, 5)
    before = len(os.listdir("/proc/self/fd"))
    for count in (5, 1):
        with scripted_peer(lambda c, i, m: c.sendall(reply(i, m[0x0110]))) as port:
            assoc = associate(port, instances[0])
            with assoc:
                assert len(list(assoc.send_all(instances[:count]))) == count
    assert len(os.listdir("/proc/self/fd")) <= before


def p_data_body(connection: socket.socket) -> bytes:
    kind, body = read_pdu(connection)
    if kind != pdu.P_DATA_TF:
        raise ConnectionError("released or aborted")
    return body


def begun(connection: socket.socket) -> tuple[int, bytes]:
    """Read the command set of a request and leave its data set in the connection."""
    body = p_data_body(connection)
    command = command_elements(body[6:])
    return body[4], command[0x0110]


def read_data_set(connection: socket.socket) -> None:
    while not p_data_body(connection)[5] & pdu.IS_LAST:
        pass


def test_an_abort_in_the_middle_is_told_with_its_reason(large: Outgoing) -> None:
    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        begun(connection)
        connection.sendall(ABORT)

    with tcp_peer(serve) as port, associate(port, large) as assoc:
        with pytest.raises(AssociationLost, match="aborted the association: a parameter") as found:
            assoc.send(large)
        assert found.value.outstanding == (large,)


def test_an_abort_is_noticed_while_the_peer_reads_no_more_and_keeps_the_connection(large: Outgoing) -> None:
    done = threading.Event()

    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        begun(connection)
        connection.sendall(ABORT)
        done.wait(60)

    with tcp_peer(serve) as port, associate(port, large) as assoc:
        with pytest.raises(AssociationLost, match="aborted"):
            assoc.send(large)
        done.set()


def test_a_peer_that_is_lost_leaves_all_that_was_under_way_unknown(tmp_path: Path) -> None:
    instances = instances_in(tmp_path, 8)

    def serve(connection: socket.socket) -> None:
        accept_association(connection, window=4)
        messages = [read_message(connection) for _ in range(4)]
        context_id, command = messages[2]
        connection.sendall(reply(context_id, command[0x0110]))
        read_message(connection)
        connection.sendall(ABORT)

    found: list[Sent] = []
    with (
        tcp_peer(serve) as port,
        associate(port, instances[0]) as assoc,
        pytest.raises(AssociationLost, match="aborted") as lost,
    ):
        found.extend(assoc.send_all(instances))
    assert [sent.instance for sent in found] == [instances[2]]
    assert lost.value.outstanding == (instances[0], instances[1], instances[3], instances[4])


def test_an_early_refusal_is_the_outcome_and_the_association_goes_on(large: Outgoing, tmp_path: Path) -> None:
    (small,) = instances_in(tmp_path, 1)

    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        for status in (0xA700, 0):
            context_id, message_id = begun(connection)
            if status:
                connection.sendall(reply(context_id, message_id, status))
            read_data_set(connection)
            if not status:
                connection.sendall(reply(context_id, message_id))

    with tcp_peer(serve) as port, associate(port, large) as assoc:
        assert assoc.send(large) == StoreOutcome(0xA700)
        assert assoc.send(small) == StoreOutcome(0)


def test_an_early_refusal_counts_though_the_association_ends_then(large: Outgoing) -> None:
    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        context_id, message_id = begun(connection)
        connection.sendall(reply(context_id, message_id, 0xA700) + ABORT)

    with tcp_peer(serve) as port, associate(port, large) as assoc:
        found: list[Sent] = []
        with pytest.raises(AssociationLost, match="aborted") as lost:
            found.extend(assoc.send_all([large]))
        assert [sent.outcome for sent in found] == [StoreOutcome(0xA700)]
        assert lost.value.outstanding == ()


def test_an_early_success_is_not_believed(large: Outgoing) -> None:
    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        connection.sendall(reply(*begun(connection)))
        read_data_set(connection)

    with tcp_peer(serve) as port, associate(port, large) as assoc:
        with pytest.raises(AssociationLost, match="0x0000 Success before it had the whole") as lost:
            assoc.send(large)
        assert lost.value.outstanding == (large,)


@pytest.mark.parametrize("message_id", [b"\x99\x99", b"\x01\x00"], ids=["of nobody", "of one that was answered"])
def test_an_answer_to_nothing_that_is_under_way_ends_the_association(tmp_path: Path, message_id: bytes) -> None:
    instances = instances_in(tmp_path, 3)
    answers = iter([b"\x01\x00", message_id])

    def answer(connection: socket.socket, context_id: int, command: dict[int, bytes]) -> None:
        if command[0x0110] != b"\x03\x00":
            connection.sendall(reply(context_id, next(answers)))

    found: list[Sent] = []
    with (
        scripted_peer(answer, window=2) as port,
        associate(port, instances[0]) as assoc,
        pytest.raises(AssociationLost, match="something else") as lost,
    ):
        found.extend(assoc.send_all(instances))
    assert [sent.instance for sent in found] == [instances[0]]
    assert instances[1] in lost.value.outstanding


@pytest.mark.parametrize("fragment", [65_536, 16_384], ids=["from the page cache", "buffered"])
def test_a_file_that_is_cut_while_it_is_sent_is_named_as_the_reason(large: Outgoing, fragment: int) -> None:
    def serve(connection: socket.socket) -> None:
        accept_association(connection, maximum_pdu=fragment)
        begun(connection)
        os.truncate(large.path, 1000)
        while connection.recv(1 << 20):
            pass

    with (
        tcp_peer(serve) as port,
        associate(port, large) as assoc,
        pytest.raises(AssociationLost, match="the file became shorter while it was sent"),
    ):
        assoc.send(large)


@pytest.mark.parametrize("maximum_pdu", [0, 16, 18, 1000, 16_384, 131_072, 1 << 30])
def test_no_pdu_is_longer_than_the_peer_takes(tmp_path: Path, maximum_pdu: int) -> None:
    data = os.urandom(300_000 if maximum_pdu > 100 else 3_000)
    instance = Outgoing.from_file(write_part10(tmp_path, data, uid="1.2.3"))
    longest, got = 0, b""

    def serve(connection: socket.socket) -> None:
        nonlocal longest, got
        accept_association(connection, maximum_pdu=maximum_pdu)
        command = b""
        while True:
            kind, body = read_pdu(connection)
            if kind != pdu.P_DATA_TF:
                connection.sendall(pdu.RELEASE_RP)
                return
            longest = max(longest, len(body))
            for context_id, control, fragment in pdu.fragments(body):
                if control & pdu.IS_COMMAND:
                    command += fragment
                else:
                    got += fragment
                    if control & pdu.IS_LAST:
                        connection.sendall(reply(context_id, command_elements(command)[0x0110]))

    with tcp_peer(serve) as port, associate(port, instance) as assoc:
        assert assoc.send(instance) == StoreOutcome(0)
    assert got == data
    assert longest <= (maximum_pdu or 1 << 30)


@contextmanager
def counting_sink(counted: list[int], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Takes requests of any size and keeps the lengths of their data sets alone."""
    scratch = bytearray(1 << 16)

    def skip(connection: socket.socket, count: int) -> None:
        while count:
            got = connection.recv_into(scratch, min(count, len(scratch)))
            if not got:
                raise ConnectionError
            count -= got

    def serve(connection: socket.socket) -> None:
        if tls is not None:
            connection = tls.wrap_socket(connection, server_side=True)
        with connection:
            accept_association(connection, maximum_pdu=0)
            while True:
                context_id, message_id = begun(connection)
                size, control = 0, 0
                while not control & pdu.IS_LAST:
                    _, length, _, control = struct.unpack(">HLLxB", read_exactly(connection, 12))
                    skip(connection, length - 6)
                    size += length - 6
                counted.append(size)
                connection.sendall(reply(context_id, message_id))

    with tcp_peer(serve) as port:
        yield port


def peak_memory() -> int:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def sparse(folder: Path, size: int) -> Outgoing:
    path = write_part10(folder, b"\0\0")
    head = Outgoing.from_file(path)
    os.truncate(path, head.data_set_offset + size)
    return replace(head, size_bytes=head.data_set_offset + size)


def test_an_instance_of_more_than_2_gib_takes_no_memory(tmp_path: Path) -> None:
    size = (1 << 31) + (1 << 20) + 2
    instance, counted = sparse(tmp_path, size), list[int]()
    with counting_sink(counted) as port, associate(port, instance) as assoc:
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = peak_memory()
        assert assoc.send(instance) == StoreOutcome(0)
        assert peak_memory() - before < 32 << 20
    assert counted == [size]


@pytest.mark.parametrize("maximum_pdu", [0, 16_384], ids=["from the page cache", "buffered"])
def test_offsets_beyond_4_gib_are_read(tmp_path: Path, maximum_pdu: int) -> None:
    start = (1 << 32) + 100
    path = tmp_path / "huge.dcm"
    with path.open("wb") as file:
        file.seek(start)
        file.write(b"\x11" * 70_000)
    instance = Outgoing(path, "1.2.3", "1.2.3.4", "1.2.840.10008.1.2.1", start, start + 70_000)
    got = b""

    def serve(connection: socket.socket) -> None:
        nonlocal got
        accept_association(connection, maximum_pdu=maximum_pdu)
        begins = begun(connection)
        control = 0
        while not control & pdu.IS_LAST:
            ((_, control, fragment),) = pdu.fragments(p_data_body(connection))
            got += fragment
        connection.sendall(reply(*begins))

    with tcp_peer(serve) as port, associate(port, instance) as assoc:
        assert assoc.send(instance) == StoreOutcome(0)
    assert got == b"\x11" * 70_000


def test_over_tls_memory_is_flat_and_the_bytes_are_all_there(tmp_path: Path) -> None:
    ca = authority(tmp_path)
    issued = ca.issue("peer")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(issued.cert, issued.key)
    instance, counted = sparse(tmp_path, 128 << 20), list[int]()
    with counting_sink(counted, server) as port:
        called = replace(peer(port, timeout_seconds=PATIENCE), tls=ssl.create_default_context(cafile=ca.cert))
        with StoreAssociation(called, [instance.context]) as assoc:
            assert assoc.send(instance) == StoreOutcome(0)
            Path("/proc/self/clear_refs").write_text("5")
            before = peak_memory()
            assert assoc.send(instance) == StoreOutcome(0)
            assert peak_memory() - before < 32 << 20
    assert counted == [128 << 20] * 2


def test_over_tls_an_abort_in_the_middle_is_told(tmp_path: Path, large: Outgoing) -> None:
    ca = authority(tmp_path)
    issued = ca.issue("peer")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(issued.cert, issued.key)
    done = threading.Event()

    def serve(plain: socket.socket) -> None:
        with server.wrap_socket(plain, server_side=True) as connection:
            accept_association(connection)
            begun(connection)
            connection.sendall(ABORT)
            done.wait(60)

    with tcp_peer(serve) as port:
        called = replace(peer(port, timeout_seconds=PATIENCE), tls=ssl.create_default_context(cafile=ca.cert))
        with StoreAssociation(called, [large.context]) as assoc, pytest.raises(AssociationLost, match="aborted"):
            assoc.send(large)
        done.set()
