"""Connections that are silent, slow or too many: an allowed sender is served all the same."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicomnet.scp import association, server
from dicomnet.scu.association import AssociationRejected, PeerError
from dicomnet.scu.echo import echo
from dicomnet.wire import pdu, receive
from dicomnet.wire.guard import Limits
from tests.corpus import CT, EXPLICIT, data_set
from tests.peers import ANYBODY, Caller, FixedAllowlist, Listener, is_cut_off, peer

ECHO = (Verification, ImplicitVRLittleEndian)
STORE = (CT, EXPLICIT)
UID = "1.2.3.4"


def eventually(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def limited(limits: Limits) -> Iterator[server.Listener]:
    found = server.Listener("GANTRY", FixedAllowlist([ANYBODY]), limits=limits)
    try:
        yield found
    finally:
        found.stop(grace_seconds=0)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), 20)


def test_silent_connections_over_the_limit_make_room(listener: Listener) -> None:
    with limited(Limits(waiting=20, waiting_per_address=10)) as found, ExitStack() as opened:
        port = found.listen(("127.0.0.1", 0))
        for _ in range(200):
            opened.enter_context(connect(port))
            assert found.guard.count <= 30
        assert echo(peer(port, "GANTRY", timeout_seconds=20)).is_alive


def test_a_silent_connection_is_closed(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(association, "REQUEST_SECONDS", 0.2)
    with connect(listener.port) as silent:
        assert is_cut_off(silent)


def test_a_request_that_trickles_in_is_cut_off(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(association, "REQUEST_SECONDS", 0.3)
    with connect(listener.port) as slow:
        slow.sendall(pdu.PDU_HEADER.pack(pdu.A_ASSOCIATE_RQ, 200))
        with suppress(BrokenPipeError, ConnectionResetError):  # this machine may be slower than the deadline
            for _ in range(3):
                slow.sendall(b"\0")
                time.sleep(0.05)
        assert is_cut_off(slow)


def test_a_pdu_that_does_not_end_aborts_the_association_and_leaves_nothing(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receive, "PDU_SECONDS", 0.2)
    caller = Caller(peer(listener.port, "GANTRY", timeout_seconds=20), [STORE])
    caller.write(pdu.PDU_HEADER.pack(pdu.P_DATA_TF, 1000) + b"\0", 20)
    with pytest.raises(PeerError, match="aborted"):
        caller.read(time.monotonic() + 20)
    caller.abort()
    assert listener.litter() == []


def test_an_idle_association_is_aborted(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(association, "IDLE_SECONDS", 0.2)
    caller = Caller(peer(listener.port, "GANTRY", timeout_seconds=20), [ECHO])
    with pytest.raises(PeerError, match="aborted"):
        caller.read(time.monotonic() + 20)
    caller.abort()


def test_associations_over_the_limit_are_rejected_for_now_while_all_are_at_work(listener: Listener) -> None:
    limits = Limits(
        associations=2, associations_per_address=2, idle_seconds=3600, unused_seconds=3600, patience_seconds=0
    )
    with limited(limits) as found:
        port = found.listen(("127.0.0.1", 0))
        with Caller(peer(port, "GANTRY"), [STORE]) as sender, Caller(peer(port, "GANTRY"), [ECHO]):
            for _ in range(20):
                with pytest.raises(AssociationRejected, match="for now: local limit exceeded"):
                    Caller(peer(port, "GANTRY"), [ECHO])
            data = data_set(sop_instance_uid=UID.encode())
            assert sender.store(data, STORE, sop_class_uid=CT, sop_instance_uid=UID).status == 0
        eventually(lambda: found.guard.count == 0)
        assert echo(peer(port, "GANTRY")).is_alive


def test_an_idle_association_makes_room(listener: Listener) -> None:
    with limited(Limits(associations=1, associations_per_address=1, idle_seconds=0, unused_seconds=0)) as found:
        port = found.listen(("127.0.0.1", 0))
        idle = Caller(peer(port, "GANTRY", timeout_seconds=20), [ECHO])
        with Caller(peer(port, "GANTRY"), [ECHO]) as newcomer:
            assert newcomer.echo() == 0
        with pytest.raises(PeerError, match=r"aborted|closed|broke"):
            idle.read(time.monotonic() + 20)
        idle.abort()


def test_a_stop_ends_idle_associations_and_lets_a_store_finish(listener: Listener) -> None:
    data = data_set(sop_instance_uid=UID.encode())
    with limited(Limits()) as found:
        port = found.listen(("127.0.0.1", 0))
        idle = Caller(peer(port, "GANTRY", timeout_seconds=20), [ECHO])
        busy = Caller(peer(port, "GANTRY", timeout_seconds=20), [STORE])
        first, rest = data[:10], data[10:]
        context_id = busy.contexts[STORE]
        command = [
            (pdu.AFFECTED_SOP_CLASS_UID, pdu.encode_uid(CT)),
            (pdu.COMMAND_FIELD, pdu.C_STORE_RQ),
            (pdu.MESSAGE_ID, b"\1\0"),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.HAS_DATA_SET),
            (pdu.AFFECTED_SOP_INSTANCE_UID, pdu.encode_uid(UID)),
        ]
        busy.write(pdu.command_pdus(context_id, command, 1000), 20)
        busy.write(pdu.fragment_header(context_id, len(first), 0) + first, 20)
        eventually(lambda: found.guard.count == 2)
        stopping = threading.Thread(target=found.stop, args=(20,))
        stopping.start()
        with pytest.raises(PeerError):
            idle.read(time.monotonic() + 20)
        busy.write(pdu.fragment_header(context_id, len(rest), pdu.IS_LAST) + rest, 20)
        assert busy.read_status(1, 20).status == 0
        stopping.join()
        idle.abort()
        busy.abort()
    assert len(list(listener.spool.waiting())) == 1


def test_a_listener_without_descriptors_lives_on(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with connect(listener.port) as _:
        pass
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        with connect(listener.port) as refused:
            assert is_cut_off(refused)
    assert echo(peer(listener.port, "GANTRY", timeout_seconds=20)).is_alive
