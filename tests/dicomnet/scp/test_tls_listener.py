"""The listener over TLS: the same data plane, and a handshake that holds up nobody (PS3.15 B.12)."""

import hashlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicomnet.scp import server
from dicomnet.scu.association import PeerError
from dicomnet.scu.echo import echo
from dicomnet.tls import TlsFiles, client_context, reloading_server
from dicomnet.wire.peer import Peer
from tests.certificates import Authority, Issued, authority
from tests.corpus import CT, EXPLICIT, data_set, element
from tests.peers import ANYBODY, Caller, FixedAllowlist, Listener, is_cut_off

ECHO = (Verification, ImplicitVRLittleEndian)
STORE = (CT, EXPLICIT)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def device(ca: Authority) -> Issued:
    return ca.issue("CT1")


@pytest.fixture
def tls_port(listener: Listener, ca: Authority) -> Iterator[int]:
    own = ca.issue("GANTRY")
    found = server.Listener("GANTRY", FixedAllowlist([ANYBODY]))
    try:
        yield found.listen(("127.0.0.1", 0), reloading_server(TlsFiles(own.cert, own.key, ca.cert)).current)
    finally:
        found.stop(grace_seconds=0)


def caller_over_tls(port: int, ca: Path, device: Issued | None) -> Peer:
    files = TlsFiles(device.cert, device.key, ca) if device else TlsFiles(None, None, ca)
    context = client_context(files)
    return Peer("GANTRY", "127.0.0.1", port, "CT1", tls=context)


def test_an_instance_comes_byte_for_byte_over_tls(
    tls_port: int, listener: Listener, ca: Authority, device: Issued
) -> None:
    pixels = element(0x7FE00010, "OW", bytes(range(256)) * 8_000)
    data = data_set(sop_instance_uid=b"1.2.3") + pixels
    with Caller(caller_over_tls(tls_port, ca.cert, device), [ECHO, STORE]) as caller:
        assert caller.store(data, STORE, sop_class_uid=CT, sop_instance_uid="1.2.3").status == 0
        assert caller.echo() == 0
        refused = caller.store(data[:100], STORE, sop_class_uid=CT, sop_instance_uid="1.2.3")
        assert refused.status == 0xC000
        assert caller.echo() == 0
    (stored,) = listener.spool.waiting()
    assert hashlib.sha256(stored.read_bytes()[-len(data) :]).digest() == hashlib.sha256(data).digest()


def test_a_caller_without_a_certificate_is_not_let_in(tls_port: int, ca: Authority) -> None:
    with pytest.raises(PeerError):
        Caller(caller_over_tls(tls_port, ca.cert, None), [ECHO])


def test_plain_text_on_the_tls_port_is_cut_off(tls_port: int, listener: Listener) -> None:
    with pytest.raises(PeerError):
        Caller(Peer("GANTRY", "127.0.0.1", tls_port, "CT1"), [ECHO])


def test_connections_that_begin_no_handshake_hold_up_nobody(tls_port: int, ca: Authority, device: Issued) -> None:
    with ExitStack() as opened:
        for _ in range(100):
            opened.enter_context(socket.create_connection(("127.0.0.1", tls_port), 20))
        assert echo(caller_over_tls(tls_port, ca.cert, device)).is_alive


def test_half_a_handshake_is_cut_off(tls_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "HANDSHAKE_SECONDS", 0.2)
    hello = ssl.MemoryBIO()
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(hello, outgoing, server_hostname="gantry")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with socket.create_connection(("127.0.0.1", tls_port), 20) as slow:
        slow.sendall(outgoing.read()[:50])
        assert is_cut_off(slow)
