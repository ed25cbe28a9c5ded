"""Abuse of the port, with an allowed sender beside it that must not notice (F16, F17, B5)."""

import logging
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

import pytest

from dicomnet.scp import server
from dicomnet.tls import TlsFiles, reloading_server
from dicomnet.wire.guard import Limits
from dicomnet.wire.pdu import P_DATA_TF, RELEASE_RQ, abort_pdu
from tests.certificates import Authority, authority
from tests.conformance.raw import Raw, associate_rq, pdu
from tests.corpus import CT, EXPLICIT, data_set, element
from tests.faults.recorded import echo, store
from tests.faults.wire import Held, is_well, say
from tests.peers import ANYBODY, LOOPBACK, Caller, FixedAllowlist, Listener, peer

STORE_CONTEXT = (CT, EXPLICIT)
LIMITS = Limits(waiting=64, waiting_per_address=32, associations=40, associations_per_address=30)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(autouse=True)
def keeps_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """Captured lines would be counted as memory of the listener's."""
    caplog.set_level(logging.ERROR)


@dataclass
class Sender:
    """An allowed device that stores one instance after the other, an association for each few.

    Attributes:
        statuses: of every instance that it sent.
        failures: associations that it did not get or that broke.
    """

    port: int
    statuses: list[int] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send all the while; at least once after the block has ended."""
        stop = threading.Event()
        thread = threading.Thread(target=self._send_until, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _send_until(self, stop: threading.Event) -> None:
        number, is_last = 0, False
        while not is_last:
            is_last = stop.is_set()
            try:
                with Caller(peer(self.port, "GANTRY", timeout_seconds=30), [STORE_CONTEXT]) as caller:
                    for _ in range(5):
                        number += 1
                        uid = f"1.2.3.{number}"
                        data = data_set(sop_instance_uid=uid.encode()) + element(0x7FE00010, "OW", bytes(20_000))
                        reply = caller.store(data, STORE_CONTEXT, sop_class_uid=CT, sop_instance_uid=uid)
                        self.statuses.append(reply.status)
            except Exception as error:  # noqa: BLE001 (whatever it is, the test says it)
                self.failures.append(repr(error))


@dataclass(frozen=True)
class Abused:
    """A listener with usual limits, made smaller, in plain text and over TLS."""

    listener: server.Listener
    port: int
    tls_port: int


@pytest.fixture
def abused(listener: Listener, ca: Authority) -> Iterator[Abused]:
    own = ca.issue("GANTRY")
    found = server.Listener("GANTRY", FixedAllowlist([ANYBODY]), limits=LIMITS)
    try:
        tls = reloading_server(TlsFiles(own.cert, own.key, None)).current
        yield Abused(found, found.listen((LOOPBACK, 0)), found.listen((LOOPBACK, 0), tls))
    finally:
        found.stop(grace_seconds=0)


def connect(port: int) -> socket.socket:
    return socket.create_connection((LOOPBACK, port), 30)


def silent(abused: Abused, opened: ExitStack) -> None:
    """200 connections that say nothing, in plain text and over TLS."""
    for _ in range(100):
        opened.enter_context(connect(abused.port))
        opened.enter_context(connect(abused.tls_port))


def trickling(abused: Abused, opened: ExitStack) -> None:
    """20 that send a byte now and then: of a request, of a fragment, of a TLS greeting."""
    slow = [opened.enter_context(connect(abused.port)) for _ in range(7)]
    for one in slow:
        one.sendall(associate_rq()[:50])
    within = [opened.enter_context(Raw(abused.port)) for _ in range(7)]
    for raw in within:
        raw.send(associate_rq())
        raw.answer()
        raw.send(pdu(P_DATA_TF, b"\0", length=1_000))
    greeting = [opened.enter_context(connect(abused.tls_port)) for _ in range(6)]
    for one in greeting:
        one.sendall(b"\x16\x03\x01\x02\x00")
    for _ in range(5):
        for one in [*slow, *(raw.socket for raw in within), *greeting]:
            with suppress(OSError):  # cut off already, as it should be
                one.sendall(b"\0")


def crowding(abused: Abused, opened: ExitStack) -> None:
    """80 associations, more than there may be of one address, most of which then stay idle."""
    for _ in range(80):
        raw = opened.enter_context(Raw(abused.port))
        raw.send(associate_rq())
        raw.answer()


def knocking(abused: Abused, opened: ExitStack) -> None:
    """Connections that are closed at once."""
    for _ in range(500):
        connect(abused.port).close()
        connect(abused.tls_port).close()


def asking(abused: Abused, opened: ExitStack) -> None:
    """Requests for associations that are given up at once."""
    for _ in range(300):
        say(abused.port, associate_rq(), resets=True)
        say(abused.port, associate_rq() + abort_pdu())


ABUSES: list[Callable[[Abused, ExitStack], None]] = [silent, trickling, crowding, knocking, asking]


@pytest.mark.parametrize("abuse", ABUSES, ids=lambda abuse: abuse.__name__)
def test_an_allowed_sender_is_not_harmed_by(
    abused: Abused, listener: Listener, abuse: Callable[[Abused, ExitStack], None]
) -> None:
    sender = Sender(abused.port)
    with ExitStack() as opened, sender.sending():
        abuse(abused, opened)
        assert abused.listener.guard.count <= LIMITS.waiting + LIMITS.associations + 10
    assert sender.failures == []
    assert set(sender.statuses) == {0}
    assert len(list(listener.spool.waiting())) == len(sender.statuses)
    assert is_well(abused.port)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_an_allowed_sender_is_not_harmed_by_all_of_it_ten_times_over(abused: Abused, listener: Listener) -> None:
    sender = Sender(abused.port)
    with sender.sending():
        for _ in range(10):
            with ExitStack() as opened:
                for abuse in ABUSES:
                    abuse(abused, opened)
    assert sender.failures == []
    assert set(sender.statuses) == {0}
    assert is_well(abused.port)


def mixed(port: int, count: int, seeded: random.Random) -> None:
    """Associations of every kind: good ones, aborted ones, cut off ones, garbage."""
    whole = b"".join([associate_rq(), *echo(), *store(), RELEASE_RQ])
    for _ in range(count):
        kind = seeded.randrange(6)
        if kind == 0:
            say(port, whole)
        elif kind == 1:
            say(port, b"".join([associate_rq(), *store(), abort_pdu()]))
        elif kind == 2:
            say(port, whole[: seeded.randrange(len(whole))])
        elif kind == 3:
            say(port, whole[: seeded.randrange(len(whole))], resets=True)
        elif kind == 4:
            say(port, seeded.randbytes(seeded.randrange(1, 2_000)))
        else:
            say(port, b"")


def hold_steady(port: int, listener: Listener, count: int) -> None:
    """Twice as many associations again hold no more threads, descriptors or files, and hardly more memory."""
    seeded = random.Random(4)
    mixed(port, count // 5, seeded)
    before = Held.now()
    mixed(port, count - count // 5, seeded)
    after = Held.now()
    assert after.threads == before.threads == 0
    assert abs(after.files - before.files) <= 2
    assert after.memory_bytes <= before.memory_bytes * 1.1
    assert [path for path in listener.litter() if listener.spool.new not in path.parents] == []


def test_five_hundred_mixed_associations_leave_nothing(listener: Listener) -> None:
    hold_steady(listener.port, listener, 500)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_ten_thousand_mixed_associations_leave_nothing(listener: Listener) -> None:
    hold_steady(listener.port, listener, 10_000)


def cut_off(listener: Listener, count: int) -> None:
    """A store that ends at any byte, in three ways, leaves neither file nor thread."""
    seeded = random.Random(5)
    whole = b"".join([associate_rq(), *store(500)])
    last = len(whole) - 1
    for number in range(count):
        offset = seeded.randrange(last)
        if number % 3 == 0:
            say(listener.port, whole[:offset])
        elif number % 3 == 1:
            say(listener.port, whole[:offset], resets=True)
        else:
            with Raw(listener.port) as raw:
                raw.send(whole[:offset])
                raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
    assert Held.now().threads == 0
    assert listener.litter() == []


def test_a_transfer_cut_off_anywhere_leaves_nothing(listener: Listener) -> None:
    cut_off(listener, 200)


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_two_thousand_transfers_cut_off_leave_nothing(listener: Listener) -> None:
    cut_off(listener, 2_000)
