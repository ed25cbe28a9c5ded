"""STOW-RS (PS3.18 10.5): what is sent, and what each answer means for the instances and for the destination."""

import os
import re
import socket
import ssl
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from dicomnet.part10 import read_file_meta
from dicomnet.tls import server_context
from dicomnet.web.sign_in import HttpAuthentication
from gateway.env import Environment
from routing.batch import Batch
from routing.deliver import drive
from routing.models import Delivery, DeliveryState, Destination
from routing.transports import stow
from routing.transports.outcome import Outcome, PeerLost
from routing.transports.stow_answer import retry_after_seconds
from tests.certificates import Authority, authority
from tests.corpus import data_set_bytes
from tests.http_peer import Reply, Request, http_peer, store_answer, uids_of
from tests.peers import read_exactly, refused_port, silent_port, tcp_peer
from tests.routing.conftest import Store
from tests.routing.transports.conftest import Make, file_of, stow_at

# What a destination does is no matter of the database.
pytestmark = [pytest.mark.embedded, pytest.mark.django_db(transaction=True)]
SECRET = "Sesam-öffne-dich"


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


def send(destination: Destination, deliveries: list[Delivery]) -> dict[int, Outcome]:
    return {outcome.delivery.pk: outcome for outcome in stow.send(destination, Batch(deliveries))}


def send_one(answer: Reply, make: Make, **columns: Any) -> Outcome:
    """The outcome of one delivery to a service that always answers so."""
    with http_peer(lambda _: answer) as peer:
        destination = stow_at(peer.url)
        (delivery,) = make(destination, **columns)
        (outcome,) = stow.send(destination, Batch([delivery]))
    return outcome


def naming(make: Make, answer: Any, **columns: Any) -> Outcome:
    """The same, where the answer names the instance's UID."""
    with http_peer(lambda _: answer(delivery.instance.sop_instance_uid)) as peer:
        destination = stow_at(peer.url)
        (delivery,) = make(destination, **columns)
        (outcome,) = stow.send(destination, Batch([delivery]))
    return outcome


class TestRequest:
    def test_several_instances_in_one(self, deliveries: Make, tmp_path: Path) -> None:
        with http_peer(lambda request: store_answer(uids_of(request, tmp_path))) as peer:
            destination = stow_at(f"{peer.url}/dicom-web/")
            made = deliveries(destination, 3)
            outcomes = send(destination, made)

        (request,) = peer.requests
        assert (request.method, request.path) == ("POST", "/dicom-web/studies")
        assert request.headers["host"] == f"127.0.0.1:{peer.port}"
        assert re.fullmatch(
            r'multipart/related; type="application/dicom"; boundary=[0-9a-f]{32}', request.headers["content-type"]
        )
        assert request.headers["accept"] == "application/dicom+json"
        assert "authorization" not in request.headers
        assert {kind for kind, _ in request.parts()} == {"application/dicom"}
        assert [outcomes[delivery.pk].status for delivery in made] == [0, 0, 0]
        assert all(outcome.is_delivered for outcome in outcomes.values())

    def test_the_data_set_is_sent_as_it_is_and_nothing_of_where_it_came_from(self, deliveries: Make) -> None:
        with http_peer(lambda _: store_answer([])) as peer:
            destination = stow_at(peer.url)
            (delivery,) = deliveries(destination)
            send(destination, [delivery])

        ((_, content),) = peer.requests[0].parts()
        stored = file_of(delivery.instance)
        path = stored.with_name("sent.dcm")
        path.write_bytes(content)
        assert data_set_bytes(path) == data_set_bytes(stored)
        with path.open("rb") as file:
            meta = read_file_meta(file)
        assert meta.sop_instance_uid == delivery.instance.sop_instance_uid
        assert meta.transfer_syntax_uid == delivery.instance.transfer_syntax_uid
        assert set(meta.elements) & {0x0016, 0x0017, 0x0018, 0x0100, 0x0102} == set()

    def test_requests_are_cut_by_bytes(self, deliveries: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        with http_peer(lambda request: store_answer(uids_of(request, tmp_path))) as peer:
            destination = stow_at(peer.url)
            made = deliveries(destination, 5)
            monkeypatch.setattr(stow, "REQUEST_BYTES", 2 * made[0].instance.size_bytes + 1)
            assert len(send(destination, made)) == 5

        assert [len(request.parts()) for request in peer.requests] == [2, 2, 1]

    def test_what_failed_before_goes_alone(self, deliveries: Make, tmp_path: Path) -> None:
        with http_peer(lambda request: store_answer(uids_of(request, tmp_path))) as peer:
            destination = stow_at(peer.url)
            send(destination, deliveries(destination, 2) + deliveries(destination, 2, attempts=2))

        assert [len(request.parts()) for request in peer.requests] == [2, 1, 1]

    def test_two_contents_under_one_uid_go_apart(self, deliveries: Make, tmp_path: Path) -> None:
        with http_peer(lambda request: store_answer(uids_of(request, tmp_path))) as peer:
            destination = stow_at(peer.url)
            (one,) = deliveries(destination)
            (other,) = deliveries(destination)
            other.instance.sop_instance_uid = one.instance.sop_instance_uid
            outcomes = list(stow.send(destination, Batch([one, other])))

        assert [len(request.parts()) for request in peer.requests] == [1, 1]
        assert [outcome.delivery for outcome in outcomes] == [one, other]

    def test_memory_stays_flat(self, deliveries: Make, store: Store) -> None:
        size = 200 << 20
        with http_peer(lambda _: Reply(200), keeps_bodies=False) as peer:
            destination = stow_at(peer.url)
            (delivery,) = deliveries(destination)
            with file_of(delivery.instance).open("r+b") as file:
                file.truncate(size)
            delivery.instance.size_bytes = size
            tracemalloc.start()
            send(destination, [delivery])
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()

        assert peer.requests[0].body_bytes > size
        assert peak < 16 << 20

    def test_a_file_that_is_gone_does_not_stop_the_others(self, deliveries: Make, tmp_path: Path) -> None:
        with http_peer(lambda request: store_answer(uids_of(request, tmp_path))) as peer:
            destination = stow_at(peer.url)
            lost, kept = deliveries(destination, 2)
            file_of(lost.instance).unlink()
            outcomes = send(destination, [lost, kept])

        assert outcomes[kept.pk].is_delivered
        assert outcomes[lost.pk].error == "the stored file cannot be read: No such file or directory"
        assert not outcomes[lost.pk].is_permanent

    def test_a_file_that_becomes_shorter_while_it_is_sent(
        self, deliveries: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with http_peer(lambda request: store_answer(uids_of(request, tmp_path))) as peer:
            destination = stow_at(peer.url)
            lost, kept = deliveries(destination, 2)
            path, honest = file_of(lost.instance), os.pread
            inode = path.stat().st_ino

            def shrinking(fd: int, count: int, offset: int) -> bytes:
                if os.fstat(fd).st_ino == inode and offset > 0 and count > 1:
                    os.truncate(path, 10)
                return honest(fd, count, offset)

            monkeypatch.setattr("routing.transports.pieces.os.pread", shrinking)
            outcomes = send(destination, [lost, kept])

        assert outcomes[kept.pk].is_delivered
        assert "the file has become shorter" in outcomes[lost.pk].error


class TestAnswersOfInstances:
    def test_a_warning_is_kept(self, deliveries: Make) -> None:
        outcome = naming(deliveries, lambda uid: store_answer({uid: 0xB000}, status=202))
        assert (outcome.status, outcome.is_delivered) == (0xB000, True)

    @pytest.mark.parametrize(
        ("reason", "last_status", "is_permanent"),
        [
            (0xA700, None, False),
            (0x0110, None, False),
            (0x0213, None, False),
            (0x4711, None, False),
            (0xA900, None, True),
            (0x0122, None, True),
            (0x0124, None, True),
            (0xC122, None, True),
            (0xC000, None, False),
            (0xC000, 0xC000, True),
        ],
    )
    @pytest.mark.parametrize("status", [200, 202, 409])
    def test_failure_reasons(
        self, deliveries: Make, reason: int, last_status: int | None, is_permanent: bool, status: int
    ) -> None:
        outcome = naming(
            deliveries, lambda uid: store_answer(failed={uid: reason}, status=status), last_status=last_status
        )
        assert (outcome.status, outcome.is_permanent) == (reason, is_permanent)
        assert f"0x{reason:04X}" in outcome.error

    def test_each_instance_has_its_own(self, deliveries: Make) -> None:
        with http_peer(
            lambda _: store_answer(
                {good.instance.sop_instance_uid: 0}, {bad.instance.sop_instance_uid: 0xA900}, status=202
            )
        ) as peer:
            destination = stow_at(peer.url)
            good, bad, unnamed = deliveries(destination, 3)
            outcomes = send(destination, [good, bad, unnamed])

        assert outcomes[good.pk].is_delivered
        assert outcomes[bad.pk].is_permanent
        assert "does not say whether the instance is stored" in outcomes[unnamed.pk].error
        assert not outcomes[unnamed.pk].is_permanent

    def test_what_is_named_on_both_sides_has_failed(self, deliveries: Make) -> None:
        assert not naming(deliveries, lambda uid: store_answer([uid], {uid: 0xA700})).is_delivered

    def test_failed_without_a_reason_is_tried_again(self, deliveries: Make) -> None:
        outcome = naming(deliveries, lambda uid: store_answer(failed={uid: 0}))
        assert (outcome.status, outcome.is_permanent) == (0x0110, False)

    def test_some_answer_with_an_array_of_one(self, deliveries: Make) -> None:
        def answer(uid: str) -> Reply:
            reply = store_answer([uid])
            return replace(reply, body=b"[" + reply.body + b"]")

        assert naming(deliveries, answer).is_delivered

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<xml/>",
            b"[" * 100_000,
            b'{"00081199": 5}',
            b'{"00081199": {"Value": [5, {"00081155": []}]}}',
            b"null",
        ],
    )
    def test_an_answer_that_says_nothing_acknowledges_nothing(self, deliveries: Make, body: bytes) -> None:
        outcome = send_one(Reply(200, body), deliveries)
        assert (outcome.is_delivered, outcome.is_permanent, outcome.status) == (False, False, None)

    def test_an_answer_without_end_is_cut_off(self, deliveries: Make) -> None:
        assert not send_one(Reply(200, b" " * 1_000_000), deliveries).is_delivered


class TestAnswersOfTheRequest:
    @pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 404, 405, 407, 408, 410, 421, 429, 501, 503, 507])
    def test_what_is_the_destinations_fault(self, deliveries: Make, status: int) -> None:
        with pytest.raises(PeerLost, match=f"HTTP {status}: ") as lost:
            send_one(Reply(status), deliveries)
        assert lost.value.during == ()

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_what_may_be_the_instances_fault(self, deliveries: Make, status: int) -> None:
        with pytest.raises(PeerLost) as lost:
            send_one(Reply(status), deliveries)
        assert len(lost.value.during) == 1

    @pytest.mark.parametrize(
        ("status", "attempts", "is_permanent"),
        [(413, 1, True), (415, 1, True), (400, 1, False), (400, 2, True), (409, 1, False), (409, 2, True)],
    )
    def test_what_refuses_one_instance(self, deliveries: Make, status: int, attempts: int, is_permanent: bool) -> None:
        outcome = send_one(Reply(status), deliveries, attempts=attempts)
        assert (outcome.is_delivered, outcome.is_permanent) == (False, is_permanent)
        assert outcome.error.startswith(f"HTTP {status}: ")

    @pytest.mark.parametrize("status", [400, 413, 415])
    def test_a_refused_request_is_cut_until_only_the_culprit_is_refused(
        self, deliveries: Make, tmp_path: Path, status: int
    ) -> None:
        def answer(request: Request) -> Reply:
            uids = uids_of(request, tmp_path)
            return Reply(status) if bad.instance.sop_instance_uid in uids else store_answer(uids)

        with http_peer(answer) as peer:
            destination = stow_at(peer.url)
            made = deliveries(destination, 9)
            bad = made[6]
            outcomes = send(destination, made)

        assert [delivery.pk for delivery in made if not outcomes[delivery.pk].is_delivered] == [bad.pk]
        assert len(outcomes) == 9

    def test_how_long_it_wants_to_be_left_alone(self, deliveries: Make) -> None:
        with pytest.raises(PeerLost, match="fewer requests") as lost:
            send_one(Reply(429, headers={"Retry-After": "17"}), deliveries)
        assert lost.value.retry_after_seconds == 17

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("120", 120),
            ("999999", 3600),
            ("-5", 0),
            ("soon", 0),
            ("", 0),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Fri, 01 Jan 2100 00:00:00 GMT", 3600),
        ],
    )
    def test_retry_after(self, text: str, seconds: float) -> None:
        assert retry_after_seconds(text) == seconds


class TestSigningIn:
    def test_user_name_and_password(self, deliveries: Make) -> None:
        with http_peer(lambda _: store_answer([])) as peer:
            destination = stow_at(peer.url, authentication=HttpAuthentication.BASIC, username="gantry", secret=SECRET)
            send(destination, deliveries(destination))
        assert peer.requests[0].headers["authorization"] == "Basic Z2FudHJ5OlNlc2FtLcO2ZmZuZS1kaWNo"

    def test_token(self, deliveries: Make) -> None:
        with http_peer(lambda _: store_answer([])) as peer:
            destination = stow_at(peer.url, authentication=HttpAuthentication.BEARER, secret="abc.def")
            send(destination, deliveries(destination))
        assert peer.requests[0].headers["authorization"] == "Bearer abc.def"

    def test_nothing_is_followed_anywhere(self, deliveries: Make) -> None:
        with http_peer(lambda _: Reply(200)) as thief:
            target = f"{thief.url}/studies"
            with http_peer(lambda _: Reply(307, headers={"Location": target})) as peer:
                destination = stow_at(peer.url, authentication=HttpAuthentication.BEARER, secret="abc.def")
                with pytest.raises(PeerLost, match="which is not followed"):
                    send(destination, deliveries(destination))
        assert thief.requests == []

    def test_a_secret_of_another_address_is_not_sent(self, deliveries: Make) -> None:
        with http_peer(lambda _: Reply(200)) as thief:
            destination = stow_at("http://10.1.2.3", authentication=HttpAuthentication.BEARER, secret="abc.def")
            Destination.objects.filter(pk=destination.pk).update(url=thief.url)
            destination.refresh_from_db()
            with pytest.raises(PeerLost, match="entered for another address"):
                send(destination, deliveries(destination))
        assert thief.requests == []

    def test_proxies_and_passwords_of_the_environment_are_not_used(
        self, deliveries: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        netrc = tmp_path / "netrc"
        netrc.write_text("machine 127.0.0.1 login a password b\n")
        monkeypatch.setenv("NETRC", str(netrc))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{refused_port()}")
        with http_peer(lambda _: store_answer([])) as peer:
            destination = stow_at(peer.url)
            send(destination, deliveries(destination))
        assert "authorization" not in peer.requests[0].headers

    def test_a_lost_key_is_said(self, deliveries: Make, settings: Settings) -> None:
        destination = stow_at("http://10.1.2.3", authentication=HttpAuthentication.BEARER, secret="abc.def")
        settings.GANTRY = replace(settings.GANTRY, encryption_keys=("another key of 32 characters or so",))
        with pytest.raises(PeerLost, match="put that key back, or enter the password again") as lost:
            send(destination, deliveries(destination))
        assert "abc.def" not in str(lost.value)


class TestTls:
    @pytest.fixture
    def own(self, home: Environment, settings: Settings, ca: Authority) -> None:
        issued = ca.issue("GANTRY")
        settings.GANTRY = replace(home, tls_cert=issued.cert, tls_key=issued.key, tls_ca=ca.cert)

    def context(self, ca: Authority, *, wants_certificate: bool = False) -> ssl.SSLContext:
        issued = ca.issue("PEER")
        return server_context(issued.cert, issued.key, ca.cert if wants_certificate else None)

    def test_by_certificate(self, deliveries: Make, own: None, ca: Authority, tmp_path: Path) -> None:
        context = self.context(ca, wants_certificate=True)
        with http_peer(lambda request: store_answer(uids_of(request, tmp_path)), tls=context) as peer:
            destination = stow_at(f"https://localhost:{peer.port}", authentication=HttpAuthentication.CERTIFICATE)
            (outcome,) = send(destination, deliveries(destination)).values()
        assert outcome.is_delivered
        assert peer.requests[0].certificate is not None
        assert peer.requests[0].certificate["subject"] == ((("commonName", "GANTRY"),),)
        assert peer.requests[0].headers["host"] == f"localhost:{peer.port}"

    def test_the_certificate_is_shown_only_when_asked_for(self, deliveries: Make, own: None, ca: Authority) -> None:
        context = self.context(ca, wants_certificate=True)
        with http_peer(lambda _: Reply(200), tls=context) as peer:
            destination = stow_at(f"https://127.0.0.1:{peer.port}")
            with pytest.raises(PeerLost):
                send(destination, deliveries(destination))
        assert peer.requests == []

    def test_a_service_of_an_unknown_ca(self, deliveries: Make, own: None, tmp_path: Path) -> None:
        stranger = authority(tmp_path, "Stranger")
        with http_peer(lambda _: Reply(200), tls=self.context(stranger)) as peer:
            destination = stow_at(f"https://127.0.0.1:{peer.port}")
            with pytest.raises(PeerLost, match="from a CA that GANTRY_TLS_CA does not hold") as lost:
                send(destination, deliveries(destination))
        assert lost.value.during == ()
        assert peer.requests == []

    def test_a_certificate_of_another_name(self, deliveries: Make, own: None, ca: Authority) -> None:
        issued = ca.issue("OTHER", names="DNS:other.example")
        context = server_context(issued.cert, issued.key, None)
        with http_peer(lambda _: Reply(200), tls=context) as peer:
            destination = stow_at(f"https://127.0.0.1:{peer.port}")
            with pytest.raises(PeerLost, match="is for another address"):
                send(destination, deliveries(destination))

    def test_no_tls_there(self, deliveries: Make, own: None) -> None:
        with http_peer(lambda _: Reply(200)) as peer:
            destination = stow_at(f"https://127.0.0.1:{peer.port}")
            with pytest.raises(PeerLost, match="speak TLS on this port"):
                send(destination, deliveries(destination))


class TestNoAnswer:
    def test_nobody_there(self, deliveries: Make) -> None:
        destination = stow_at(f"http://127.0.0.1:{refused_port()}")
        with pytest.raises(PeerLost, match="nobody listens there") as lost:
            send(destination, deliveries(destination))
        assert lost.value.during == ()

    def test_silence_ends(self, deliveries: Make) -> None:
        with silent_port() as port:
            destination = stow_at(f"http://127.0.0.1:{port}", timeout_seconds=1)
            made = deliveries(destination, 2)
            with pytest.raises(PeerLost, match="did not answer in time") as lost:
                send(destination, made)
        assert lost.value.during == tuple(made)

    def test_an_answer_that_drips_ends(self, deliveries: Make) -> None:
        def drip(connection: socket.socket) -> None:
            read_exactly(connection, 10)
            for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Wait: 1\r\n" * 10_000:
                connection.sendall(bytes([byte]))
                time.sleep(0.05)

        with tcp_peer(drip) as port:
            destination = stow_at(f"http://127.0.0.1:{port}", timeout_seconds=1)
            began = time.monotonic()
            with pytest.raises(PeerLost):
                send(destination, deliveries(destination))
        assert time.monotonic() - began < 60  # 10,000 lines would take an hour and a half

    def test_a_peer_that_takes_nothing_ends(self, deliveries: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        with silent_port() as port:
            destination = stow_at(f"http://127.0.0.1:{port}", timeout_seconds=1)
            (delivery,) = deliveries(destination)
            size = 20 << 20
            with file_of(delivery.instance).open("r+b") as file:
                file.truncate(size)
            delivery.instance.size_bytes = size
            monkeypatch.setattr("dicomnet.web.http.MINIMUM_BYTES_PER_SECOND", 20_000_000)
            with pytest.raises(PeerLost) as lost:
                send(destination, [delivery])
        assert lost.value.during == (delivery,)

    @pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"])
    def test_something_else_than_an_answer(self, deliveries: Make, said: bytes) -> None:
        def serve(connection: socket.socket) -> None:
            read_exactly(connection, 400)
            connection.sendall(said)

        with tcp_peer(serve) as port:
            destination = stow_at(f"http://127.0.0.1:{port}")
            made = deliveries(destination)
            with pytest.raises(PeerLost) as lost:
                send(destination, made)
        assert lost.value.during == tuple(made)

    def test_a_refusal_before_the_end_of_the_request_is_understood(self, deliveries: Make) -> None:
        def refuse(connection: socket.socket) -> None:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1 << 16):
                pass

        with tcp_peer(refuse) as port:
            destination = stow_at(f"http://127.0.0.1:{port}")
            with pytest.raises(PeerLost, match="HTTP 401"):
                send(destination, deliveries(destination, 10))


class TestLane:
    def test_delivered(self, deliveries: Make, tmp_path: Path) -> None:
        with http_peer(lambda request: store_answer(uids_of(request, tmp_path))) as peer:
            destination = stow_at(peer.url)
            deliveries(destination, 3, attempts=0)
            assert drive(destination.pk) == 3
        assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.DELIVERED}

    def test_who_is_not_let_in_waits(self, deliveries: Make) -> None:
        with http_peer(lambda _: Reply(401)) as peer:
            destination = stow_at(peer.url)
            deliveries(destination, 3, attempts=0)
            assert drive(destination.pk) == 0
        destination.refresh_from_db()
        assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.PENDING}
        assert destination.paused_until is not None
        assert "correct how Gantry signs in" in destination.last_error
