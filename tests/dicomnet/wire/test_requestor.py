"""Opening and ending associations: what is asked for, what is granted, plain and by TLS (PS3.8 7.1-7.3, PS3.7 D.3)."""

import random
import select
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.pdu import A_ASSOCIATE_RQ
from pynetdicom.presentation import build_context
from pynetdicom.sop_class import CTImageStorage, Verification  # type: ignore[attr-defined]
from pynetdicom.transport import ThreadedAssociationServer

from dicomnet.scu.association import Peer, PeerError, RequestorAssociation, Role
from dicomnet.scu.echo import echo
from dicomnet.scu.store import Outgoing, StoreAssociation
from dicomnet.wire import pdu
from dicomnet.wire.proposal import Proposal, decode_acceptance, encode_request
from tests.certificates import Authority, authority
from tests.corpus import data_set_bytes, write_part10
from tests.journeys.product import free_port, wait_until
from tests.peers import LOOPBACK, accept_association, peer, read_pdu, serving, silent_port, storing_peer, tcp_peer

ECHO = (str(Verification), str(ImplicitVRLittleEndian))
CT = (str(CTImageStorage), str(ExplicitVRLittleEndian))


def asked_of(**options: Any) -> A_ASSOCIATE_RQ:
    """The A-ASSOCIATE-RQ of an association that asks for this."""
    found: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        kind, body = read_pdu(connection)
        found.append(struct.pack(">BxL", kind, len(body)) + body)

    with tcp_peer(serve) as port, pytest.raises(PeerError, match="did not answer"):
        RequestorAssociation(peer(port), [ECHO, CT], **options)
    request = A_ASSOCIATE_RQ()
    request.decode(found[0])
    return request


def test_each_pair_is_a_presentation_context_of_its_own() -> None:
    request = asked_of()
    contexts = [
        (cx.context_id, cx.abstract_syntax, [str(syntax) for syntax in cx.transfer_syntax])
        for cx in request.presentation_context
    ]
    assert contexts == [(1, ECHO[0], [ECHO[1]]), (3, CT[0], [CT[1]])]
    assert (request.called_ae_title, request.calling_ae_title) == ("PEER", "GANTRY")
    user = request.user_information
    assert user is not None
    assert user.maximum_length == 131_072
    assert str(user.implementation_class_uid).startswith("2.25.")
    assert user.implementation_version_name is not None
    assert user.async_ops_window is None
    assert user.role_selection == {}


def test_a_window_and_roles_are_asked_for() -> None:
    user = asked_of(window=8, roles={CT[0]: Role(is_scu=False, is_scp=True)}).user_information
    assert user is not None
    assert user.async_ops_window is not None
    assert user.async_ops_window.maximum_number_operations_invoked == 8
    assert user.async_ops_window.maximum_number_operations_performed == 1
    (selection,) = user.role_selection.values()
    assert (str(selection.uid), selection.scu_role, selection.scp_role) == (CT[0], 0, 1)


@contextmanager
def pynetdicom_peer(**grants: bool) -> Iterator[int]:
    ae = AE(ae_title="PEER")
    contexts = [build_context(ECHO[0], [ECHO[1]]), build_context(CT[0], [CT[1]])]
    for context in contexts:
        if grants:
            context.scu_role, context.scp_role = grants["scu"], grants["scp"]
    server = ae.make_server((LOOPBACK, 0), contexts=contexts, server_class=ThreadedAssociationServer)
    ae._servers.append(server)
    with serving(server) as port:
        yield port


def test_roles_that_the_peer_grants_are_told() -> None:
    wanted = {CT[0]: Role(is_scu=True, is_scp=True)}
    with pynetdicom_peer(scu=True, scp=True) as port, RequestorAssociation(peer(port), [CT], roles=wanted) as assoc:
        assert assoc.roles == wanted
    with pynetdicom_peer(scu=True, scp=False) as port, RequestorAssociation(peer(port), [CT], roles=wanted) as assoc:
        assert assoc.roles == {CT[0]: Role(is_scu=True, is_scp=False)}


def test_a_peer_that_says_nothing_of_roles_leaves_the_default() -> None:
    wanted = {CT[0]: Role(is_scu=False, is_scp=True)}
    with pynetdicom_peer() as port, RequestorAssociation(peer(port), [CT], roles=wanted) as assoc:
        assert assoc.roles == {CT[0]: Role(is_scu=True, is_scp=False)}


def test_the_contexts_that_are_accepted_are_known_by_what_they_are_for() -> None:
    other = ("1.2.3.4", ECHO[1])
    with pynetdicom_peer() as port, RequestorAssociation(peer(port), [other, CT, ECHO]) as assoc:
        assert assoc.contexts == {CT: 3, ECHO: 5}


def accepted() -> bytes:
    """The body of a valid A-ASSOCIATE-AC to ECHO and CT, as a peer writes it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(encoded())
        accept_association(theirs)
        return read_pdu(ours)[1]


def encoded() -> bytes:
    return encode_request(peer(1), Proposal([ECHO, CT], {CT[0]: Role()}, 4))


def test_a_transfer_syntax_that_was_not_proposed_is_not_used() -> None:
    body = accepted().replace(CT[1].encode(), b"1.2.840.10008.1.2.2")
    granted = decode_acceptance(body, Proposal([ECHO, CT], {}, 4))
    assert granted.contexts == {ECHO: 1}


def test_whatever_comes_in_place_of_an_acceptance_is_read_or_is_a_peer_error() -> None:
    """Seeded damage to a good A-ASSOCIATE-AC: cut off, changed, doubled."""
    good, rng = accepted(), random.Random(7)
    proposal = Proposal([ECHO, CT], {CT[0]: Role()}, 4)
    assert decode_acceptance(good, proposal).contexts == {ECHO: 1, CT: 3}
    errors = 0
    for _ in range(3000):
        damaged = bytearray(good)
        for _ in range(rng.randint(1, 6)):
            position = rng.randrange(len(damaged))
            match rng.randrange(3):
                case 0:
                    damaged[position] = rng.randrange(256)
                case 1:
                    del damaged[position:]
                    damaged += b"\0"
                case _:
                    damaged[position:position] = damaged[position : position + rng.randrange(20)]
        try:
            granted = decode_acceptance(bytes(damaged), proposal)
        except PeerError:
            errors += 1
        else:
            assert set(granted.contexts) <= {ECHO, CT}
            assert 0 < granted.window <= 4
    assert 100 < errors < 3000


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\x02\0\0\0\0\x04abcd", "malformed"),
        (b"\x02\0\xff\xff\xff\xff", "type 0x02"),
        (b"\x04\0\0\0\0\x06" + bytes(6), "type 0x04"),
        (b"\x07\0\0\0\0\x04\0\0\2\1", "aborted the association: it did not recognise a PDU"),
        (b"", "closed"),
        (b"\x02\0\0", "closed"),
    ],
)
def test_other_answers_to_the_request_are_told(answer: bytes, words: str) -> None:
    def serve(connection: socket.socket) -> None:
        read_pdu(connection)
        connection.sendall(answer)

    with tcp_peer(serve) as port, pytest.raises(PeerError, match=words):
        RequestorAssociation(peer(port, timeout_seconds=20), [ECHO])


def test_a_peer_in_whose_pdus_nothing_fits_is_refused() -> None:
    def serve(connection: socket.socket) -> None:
        accept_association(connection, maximum_pdu=6)

    with tcp_peer(serve) as port, pytest.raises(PeerError, match="in which nothing fits"):
        RequestorAssociation(peer(port), [ECHO])


@pytest.mark.parametrize("ae_title", ["", " ", "MORETHANSIXTEENCHARS", "BACK\\SLASH"])
def test_an_ae_title_that_is_none_is_refused_before_the_network(ae_title: str) -> None:
    with pytest.raises(PeerError, match="cannot be called"):
        RequestorAssociation(replace(peer(1), ae_title=ae_title), [ECHO])


def test_a_release_that_meets_the_peers_own_is_answered() -> None:
    got: list[int] = []

    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        connection.sendall(pdu.RELEASE_RQ)
        got.append(read_pdu(connection)[0])
        got.append(read_pdu(connection)[0])
        connection.sendall(pdu.RELEASE_RP)
        got.append(len(connection.recv(10)))

    with tcp_peer(serve) as port:
        RequestorAssociation(peer(port), [ECHO]).release()
        wait_until(lambda: len(got) == 3, 20)
    assert got == [pdu.A_RELEASE_RQ, pdu.A_RELEASE_RP, 0]


def test_an_error_within_aborts_the_association() -> None:
    got: list[int] = []

    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        got.append(read_pdu(connection)[0])

    with tcp_peer(serve) as port:
        with pytest.raises(RuntimeError), RequestorAssociation(peer(port), [ECHO]):
            raise RuntimeError
        wait_until(lambda: bool(got), 20)
    assert got == [pdu.A_ABORT]


def test_nothing_is_left_of_associations_good_and_bad() -> None:
    def threads_and_files() -> tuple[int, int]:
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    with storing_peer() as storing:
        RequestorAssociation(peer(storing.port), [ECHO]).release()
        threads = threading.active_count()
        for _ in range(20):
            RequestorAssociation(peer(storing.port), [ECHO]).release()
            with pytest.raises(PeerError):
                RequestorAssociation(peer(storing.port), [("1.2.3.4", ECHO[1])])
        wait_until(lambda: threading.active_count() <= threads, 20)
    before = threads_and_files()
    with silent_port() as port, pytest.raises(PeerError):
        RequestorAssociation(peer(port, timeout_seconds=0.2), [ECHO])
    wait_until(lambda: threads_and_files() <= before, 20)


@pytest.fixture
def ca(tmp_path: Path) -> Authority:
    return authority(tmp_path)


def server_context(ca: Authority, *, wants_certificate: bool = False, names: str = "IP:127.0.0.1") -> ssl.SSLContext:
    issued = ca.issue("peer", names=names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.cert, issued.key)
    if wants_certificate:
        context.load_verify_locations(ca.cert)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@contextmanager
def tls_peer(context: ssl.SSLContext) -> Iterator[int]:
    ae = AE(ae_title="PEER")
    contexts = [build_context(ECHO[0], [ECHO[1]]), build_context(CT[0], [CT[1]])]
    handlers: list[Any] = [(evt.EVT_C_STORE, lambda _: 0)]
    server = ae.make_server(
        (LOOPBACK, 0),
        contexts=contexts,
        evt_handlers=handlers,
        ssl_context=context,
        server_class=ThreadedAssociationServer,
    )
    ae._servers.append(server)
    with serving(server) as port:
        yield port


def by_tls(port: int, ca: Authority | None, **options: Any) -> Peer:
    context = ssl.create_default_context(cafile=ca.cert if ca else None)
    return replace(peer(port, timeout_seconds=20), tls=context, **options)


def test_a_peer_by_tls_answers_and_stores(ca: Authority, tmp_path: Path) -> None:
    instance = Outgoing.from_file(write_part10(tmp_path, bytes(3_000_000)))
    with tls_peer(server_context(ca)) as port:
        assert echo(by_tls(port, ca)).is_alive
        with StoreAssociation(by_tls(port, ca), [instance.context]) as assoc:
            assert [assoc.send(instance).status for _ in range(3)] == [0, 0, 0]


def test_a_certificate_of_our_own_is_shown(ca: Authority) -> None:
    with tls_peer(server_context(ca, wants_certificate=True)) as port:
        without = echo(by_tls(port, ca))
        assert not without.is_alive
        called, ours = by_tls(port, ca), ca.issue("us")
        assert called.tls is not None
        called.tls.load_cert_chain(ours.cert, ours.key)
        assert echo(called).is_alive


def test_a_peer_that_is_not_to_be_trusted_is_told(ca: Authority) -> None:
    with tls_peer(server_context(ca)) as port, pytest.raises(PeerError, match=r"TLS with PEER at .* failed: .*CA"):
        RequestorAssociation(by_tls(port, None), [ECHO])


def test_the_name_in_the_certificate_is_the_hosts_or_the_one_that_is_told(ca: Authority) -> None:
    with tls_peer(server_context(ca, names="DNS:ct1.hospital")) as port:
        with pytest.raises(PeerError, match="another"):
            RequestorAssociation(by_tls(port, ca), [ECHO])
        RequestorAssociation(by_tls(port, ca, tls_server_name="ct1.hospital"), [ECHO]).release()


def test_a_peer_that_speaks_no_tls_is_told() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"\x07\0\0\0\0\x04\0\0\2\1")

    with tcp_peer(serve) as port, pytest.raises(PeerError, match=r"TLS with PEER at .* failed"):
        RequestorAssociation(by_tls(port, None), [ECHO])


def test_a_peer_that_is_silent_in_the_handshake_meets_the_deadline() -> None:
    with silent_port() as port, pytest.raises(PeerError, match="did not answer the handshake"):
        RequestorAssociation(replace(by_tls(port, None), connect_timeout_seconds=0.3), [ECHO])


@pytest.mark.peers
def test_dcmtk_by_tls_writes_what_was_sent(ca: Authority, tmp_path: Path) -> None:
    issued, port, folder = ca.issue("peer", names="IP:127.0.0.1"), free_port(), tmp_path / "out"
    folder.mkdir()
    paths = [write_part10(tmp_path, random.Random(n).randbytes(700_000), uid=f"1.2.3.{n}") for n in range(3)]
    instances = [Outgoing.from_file(path) for path in paths]
    command = ["storescp", "+B", "+uf", "-od", str(folder), "+tls", str(issued.key), str(issued.cert), "-ic"]
    with subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: echo(by_tls(port, ca)).is_alive, 20)
            with StoreAssociation(by_tls(port, ca), [instances[0].context]) as assoc:
                assert [sent.outcome.status for sent in assoc.send_all(instances)] == [0, 0, 0]  # type: ignore[union-attr]
        finally:
            process.kill()
    written = {Outgoing.from_file(path).sop_instance_uid: data_set_bytes(path) for path in folder.iterdir()}
    assert written == {instance.sop_instance_uid: data_set_bytes(instance.path) for instance in instances}


def test_idle_associations_cost_nothing_and_their_end_is_seen() -> None:
    let_go = threading.Event()

    def serve(connection: socket.socket) -> None:
        accept_association(connection)
        let_go.wait(20)

    with tcp_peer(serve) as port:
        assoc = RequestorAssociation(peer(port), [ECHO])
        assert assoc.channel.is_quiet()
        let_go.set()
        assert select.select([assoc.channel.socket], [], [], 20)[0]
        assert not assoc.channel.is_quiet()
        assoc.abort()
