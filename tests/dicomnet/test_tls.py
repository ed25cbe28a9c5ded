"""TLS by BCP 195: what is taken, what is refused, files that are bad, and files that change (PS3.15 B.12)."""

import os
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import pytest

from dicomnet.certificates import PeerCertificate
from dicomnet.tls import (
    BadTlsFile,
    TlsFiles,
    certificate_of,
    client_context,
    expires_at,
    reloading_server,
    server_context,
)
from dicomnet.tls_words import failure_in_words
from tests.certificates import Authority, Issued, authority, openssl

DEADLINE_SECONDS = 30


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def other_ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("other"), "Other CA")


@pytest.fixture(scope="module")
def server(ca: Authority) -> Issued:
    return ca.issue("GANTRY")


@pytest.fixture(scope="module")
def rsa_server(ca: Authority) -> Issued:
    return ca.issue("GANTRY", new_key=("-newkey", "rsa:2048"))


class Seen:
    """What the far end of the test's connections saw."""

    def __init__(self) -> None:
        self.certificates: list[PeerCertificate | None] = []
        self.failures: list[str] = []
        self.version: str | None = None


@contextmanager
def listening(context: ssl.SSLContext) -> Iterator[tuple[int, Seen]]:
    """A TLS server that greets each caller with "hello" and reads until the end."""
    seen = Seen()

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            plain.settimeout(DEADLINE_SECONDS)
            with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as connection:
                try:
                    connection.do_handshake()
                    seen.certificates.append(certificate_of(connection))
                    seen.version = connection.version()
                    connection.sendall(b"hello")
                    while connection.recv(100):
                        pass
                except OSError as error:
                    seen.failures.append(failure_in_words(error))
                    read_to_the_end(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], seen
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(DEADLINE_SECONDS)


def read_to_the_end(connection: ssl.SSLSocket) -> None:
    """Closed with bytes unread, the connection would be reset, and the caller might not see the alert."""
    with suppress(OSError):
        socket.socket.shutdown(connection, socket.SHUT_WR)
        while socket.socket.recv(connection, 1000):
            pass


def call(port: int, context: ssl.SSLContext, host_name: str = "localhost") -> PeerCertificate | None:
    """Connect and read the greeting: with TLS 1.3 a client learns only then that its certificate is refused."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=host_name) as connection,
    ):
        assert connection.recv(5) == b"hello"
        return certificate_of(connection)


def s_client(port: int, *options: str) -> bool:
    """Whether openssl as client comes to an encrypted connection."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-brief", *options],
        input=b"",
        capture_output=True,
        check=False,
        timeout=DEADLINE_SECONDS,
    )
    return b"CONNECTION ESTABLISHED" in done.stderr


def lax_context(server: Issued) -> ssl.SSLContext:
    """A server as one should not run it: the control that shows that the client could."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:eNULL:@SECLEVEL=0")
    # Not by minimum_version, which warns of what it is told here.
    context.options &= ~(ssl.OP_NO_TLSv1 | ssl.OP_NO_TLSv1_1 | ssl.OP_NO_SSLv3)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.load_cert_chain(server.cert, server.key)
    return context


ACCEPTED = {
    "tls-1.3": ("-tls1_3",),
    "tls-1.2": ("-tls1_2",),
    "tls-1.2-aes-256-gcm": ("-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"),
    "tls-1.2-aes-128-gcm": ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"),
    "tls-1.2-chacha20": ("-tls1_2", "-cipher", "ECDHE-RSA-CHACHA20-POLY1305"),
}
REFUSED = {
    "tls-1.0": ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
    "tls-1.1": ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
    "null": ("-tls1_2", "-cipher", "NULL-SHA256:@SECLEVEL=0"),
    "null-with-ecdhe": ("-tls1_2", "-cipher", "ECDHE-RSA-NULL-SHA:@SECLEVEL=0"),
    "anonymous": ("-tls1_2", "-cipher", "AECDH-AES256-SHA:@SECLEVEL=0"),
    "cbc": ("-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384:@SECLEVEL=0"),
    "no-forward-secrecy": ("-tls1_2", "-cipher", "AES256-GCM-SHA384:@SECLEVEL=0"),
}


@pytest.mark.parametrize("options", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_tls_1_3_and_the_suites_of_bcp_195_are_taken(rsa_server: Issued, options: tuple[str, ...]) -> None:
    with listening(server_context(rsa_server.cert, rsa_server.key, None)) as (port, _):
        assert s_client(port, *options)


@pytest.mark.parametrize("options", REFUSED.values(), ids=REFUSED.keys())
def test_old_versions_and_weak_suites_are_refused(rsa_server: Issued, options: tuple[str, ...]) -> None:
    with listening(lax_context(rsa_server)) as (port, _):
        assert s_client(port, *options), "openssl cannot ask for this, so its refusal would show nothing"
    with listening(server_context(rsa_server.cert, rsa_server.key, None)) as (port, _):
        assert not s_client(port, *options)


def hello_of(*suites: int, version: int = 0x0303) -> bytes:
    """A ClientHello by hand (RFC 5246 7.4.1.2): openssl of today cannot offer RC4 and Triple DES."""
    extensions = bytes.fromhex("000a00040002001d000b00020100000d000a00080804040304010403")
    suite_bytes = b"".join(struct.pack(">H", suite) for suite in suites)
    body = struct.pack(">H", version) + bytes(32) + b"\0" + struct.pack(">H", len(suite_bytes)) + suite_bytes + b"\1\0"
    body += struct.pack(">H", len(extensions)) + extensions
    handshake = b"\1" + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + struct.pack(">H", len(handshake)) + handshake


@pytest.mark.parametrize(
    ("suites", "version", "answer"),
    [
        ([0xC02F], 0x0303, "server hello"),
        ([0x0005], 0x0303, "handshake_failure"),
        ([0xC011], 0x0303, "handshake_failure"),
        ([0x000A], 0x0303, "handshake_failure"),
        ([0xC012], 0x0303, "handshake_failure"),
        ([0x0001, 0x0002, 0x003B], 0x0303, "handshake_failure"),
        ([0xC02F], 0x0302, "protocol_version"),
        ([0xC02F], 0x0301, "protocol_version"),
        ([0xC02F], 0x0300, "handshake_failure"),
    ],
    ids=["control", "rc4", "ecdhe-rc4", "3des", "ecdhe-3des", "null", "tls-1.1", "tls-1.0", "ssl-3"],
)
def test_a_hello_by_hand(rsa_server: Issued, suites: list[int], version: int, answer: str) -> None:
    with (
        listening(server_context(rsa_server.cert, rsa_server.key, None)) as (port, _),
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS) as plain,
    ):
        plain.sendall(hello_of(*suites, version=version))
        record = plain.recv(7, socket.MSG_WAITALL)
    if record[0] == 0x15:  # an alert: level, description (RFC 5246 7.2)
        assert {40: "handshake_failure", 70: "protocol_version"}.get(record[6]) == answer
    else:
        assert (record[0], record[5], answer) == (0x16, 2, "server hello")


def test_tls_1_3_is_preferred(server: Issued, ca: Authority) -> None:
    with listening(server_context(server.cert, server.key, None)) as (port, seen):
        call(port, client_context(TlsFiles(None, None, ca.cert)))
    assert seen.version == "TLSv1.3"


def test_renegotiation_and_compression_are_off(server: Issued) -> None:
    options = server_context(server.cert, server.key, None).options
    assert options & ssl.OP_NO_RENEGOTIATION
    assert options & ssl.OP_NO_COMPRESSION


class TestMutualTls:
    def test_a_caller_of_the_ca_is_known_by_its_certificate(self, server: Issued, ca: Authority) -> None:
        device = ca.issue("CT1", names="DNS:ct1.hospital,DNS:ct1")
        with listening(server_context(server.cert, server.key, ca.cert)) as (port, seen):
            call(port, client_context(TlsFiles(device.cert, device.key, ca.cert)))
        (shown,) = seen.certificates
        assert shown == PeerCertificate("CT1", ("ct1.hospital", "ct1"), device.fingerprint.replace(":", "").lower())

    def test_without_a_ca_nobody_is_asked(self, server: Issued, ca: Authority) -> None:
        device = ca.issue("CT1")
        with listening(server_context(server.cert, server.key, None)) as (port, seen):
            call(port, client_context(TlsFiles(device.cert, device.key, ca.cert)))
        assert seen.certificates == [None]

    def test_no_certificate_is_refused(self, server: Issued, ca: Authority) -> None:
        with (
            listening(server_context(server.cert, server.key, ca.cert)) as (port, seen),
            pytest.raises(ssl.SSLError) as refusal,
        ):
            call(port, client_context(TlsFiles(None, None, ca.cert)))
        assert seen.failures == ["it showed no certificate"]
        assert "wants a certificate of ours" in failure_in_words(refusal.value)

    @pytest.mark.parametrize(
        ("days", "usage", "words"),
        [
            (-1, "serverAuth,clientAuth", "its certificate has expired"),
            (30, "serverAuth", "its certificate is for another purpose"),
        ],
        ids=["expired", "other-purpose"],
    )
    def test_a_certificate_that_does_not_count_is_refused(
        self, server: Issued, ca: Authority, days: int, usage: str, words: str
    ) -> None:
        device = ca.issue("CT1", days=days, usage=usage)
        context = client_context(TlsFiles(None, None, ca.cert))
        context.load_cert_chain(device.cert, device.key)
        with (
            listening(server_context(server.cert, server.key, ca.cert)) as (port, seen),
            pytest.raises(OSError),  # noqa: PT011 (an alert, or a reset before it is read)
        ):
            call(port, context)
        assert words in seen.failures[0]
        assert seen.certificates == []

    def test_another_ca_is_refused(self, server: Issued, ca: Authority, other_ca: Authority) -> None:
        device = other_ca.issue("CT1")
        with (
            listening(server_context(server.cert, server.key, ca.cert)) as (port, seen),
            pytest.raises(OSError),  # noqa: PT011 (an alert, or a reset before it is read)
        ):
            call(port, client_context(TlsFiles(device.cert, device.key, ca.cert)))
        assert "from a CA that GANTRY_TLS_CA does not hold" in seen.failures[0]

    def test_a_single_device_may_stand_among_the_trusted(
        self, server: Issued, ca: Authority, other_ca: Authority, tmp_path: Path
    ) -> None:
        device = other_ca.issue("CT1")
        trusted = tmp_path / "trusted.pem"
        trusted.write_text(ca.cert.read_text() + device.cert.read_text())
        with listening(server_context(server.cert, server.key, trusted)) as (port, seen):
            call(port, client_context(TlsFiles(device.cert, device.key, ca.cert)))
        assert [shown and shown.common_name for shown in seen.certificates] == ["CT1"]


class TestResumedSessions:
    """A session that is taken up again skips the certificates: it must not skip who the caller is."""

    def test_the_certificate_is_that_of_the_first_handshake(self, server: Issued, ca: Authority) -> None:
        device = ca.issue("CT1")
        caller = client_context(TlsFiles(device.cert, device.key, ca.cert))
        with listening(server_context(server.cert, server.key, ca.cert)) as (port, seen):
            assert not self.is_resumed(port, caller, None)
            assert self.is_resumed(port, caller, self.session)
        first, second = seen.certificates
        assert first is not None
        assert first == second

    def test_no_session_outlives_a_change_of_the_trusted(
        self, server: Issued, ca: Authority, other_ca: Authority, tmp_path: Path
    ) -> None:
        device, trusted = ca.issue("CT1"), tmp_path / "ca.pem"
        replace(trusted, ca.cert)
        caller = client_context(TlsFiles(device.cert, device.key, ca.cert))
        reloading = reloading_server(TlsFiles(server.cert, server.key, trusted))
        with listening(reloading.current()) as (port, _):
            assert not self.is_resumed(port, caller, None)
        replace(trusted, other_ca.cert)
        with (
            listening(reloading.current()) as (port, seen),
            pytest.raises(OSError),  # noqa: PT011 (an alert, or a reset before it is read)
        ):
            self.is_resumed(port, caller, self.session)
        assert seen.certificates == []

    session: ClassVar[ssl.SSLSession | None] = None

    def is_resumed(self, port: int, context: ssl.SSLContext, session: ssl.SSLSession | None) -> bool | None:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=DEADLINE_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
        ):
            assert connection.recv(5) == b"hello"
            type(self).session = connection.session
            return connection.session_reused


class TestCalling:
    """As the client: chain and host name."""

    @pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
    def test_name_or_address_of_the_certificate(self, server: Issued, ca: Authority, host: str) -> None:
        with listening(server_context(server.cert, server.key, None)) as (port, _):
            found = call(port, client_context(TlsFiles(None, None, ca.cert)), host)
        assert found is not None
        assert found.common_name == "GANTRY"

    @pytest.mark.parametrize(
        ("host", "words"), [("pacs.hospital", "for another host name"), ("10.9.9.9", "for another address")]
    )
    def test_another_name_is_refused(self, server: Issued, ca: Authority, host: str, words: str) -> None:
        with (
            listening(server_context(server.cert, server.key, None)) as (port, _),
            pytest.raises(ssl.SSLCertVerificationError) as refusal,
        ):
            call(port, client_context(TlsFiles(None, None, ca.cert)), host)
        assert words in failure_in_words(refusal.value)

    @pytest.mark.parametrize("common_name", ["PACS_1", "pacs one", "pacs.hospital"])
    def test_a_certificate_without_alternative_names_goes_by_its_common_name(
        self, ca: Authority, common_name: str
    ) -> None:
        named = ca.issue(common_name, names="")
        with listening(server_context(named.cert, named.key, None)) as (port, _):
            assert call(port, client_context(TlsFiles(None, None, ca.cert)), common_name) is not None
            with pytest.raises(ssl.SSLCertVerificationError):
                call(port, client_context(TlsFiles(None, None, ca.cert)), "other")

    def test_the_system_store_does_not_know_the_ca(self, server: Issued) -> None:
        with (
            listening(server_context(server.cert, server.key, None)) as (port, _),
            pytest.raises(ssl.SSLCertVerificationError) as refusal,
        ):
            call(port, client_context(TlsFiles(None, None, None)))
        assert "CA that GANTRY_TLS_CA does not hold" in failure_in_words(refusal.value)

    def test_an_expired_server(self, ca: Authority) -> None:
        expired = ca.issue("PACS", days=-1)
        with (
            listening(lax_context(expired)) as (port, _),
            pytest.raises(ssl.SSLCertVerificationError) as refusal,
        ):
            call(port, client_context(TlsFiles(None, None, ca.cert)))
        assert failure_in_words(refusal.value) == "its certificate has expired"

    def test_a_peer_that_speaks_plain_text(self, ca: Authority) -> None:
        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(bytes.fromhex("07000000000400000000"))  # A-ABORT

        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            with pytest.raises(OSError) as refusal:  # noqa: PT011
                call(listener.getsockname()[1], client_context(TlsFiles(None, None, ca.cert)))
            thread.join(DEADLINE_SECONDS)
        assert failure_in_words(refusal.value) == "it does not speak TLS on this port"


class TestBadFiles:
    """Each is one sentence that names the file."""

    def test_missing(self, server: Issued, tmp_path: Path) -> None:
        with pytest.raises(BadTlsFile, match=r"none\.pem \(GANTRY_TLS_CERT\) cannot be read \(No such file"):
            server_context(tmp_path / "none.pem", server.key, None)
        with pytest.raises(BadTlsFile, match=r"none\.key \(GANTRY_TLS_KEY\) cannot be read"):
            server_context(server.cert, tmp_path / "none.key", None)
        with pytest.raises(BadTlsFile, match=r"\(GANTRY_TLS_CA\) cannot be read \(Is a directory"):
            server_context(server.cert, server.key, tmp_path)

    def test_no_pem(self, server: Issued, tmp_path: Path) -> None:
        junk = tmp_path / "junk"
        junk.write_bytes(os.urandom(500))
        with pytest.raises(BadTlsFile, match="holds no certificate in PEM form"):
            server_context(junk, server.key, None)
        with pytest.raises(BadTlsFile, match="holds no private key in PEM form"):
            server_context(server.cert, junk, None)
        with pytest.raises(BadTlsFile, match=r"GANTRY_TLS_CA\) holds no certificate"):
            server_context(server.cert, server.key, junk)

    def test_broken_pem(self, server: Issued, tmp_path: Path) -> None:
        broken = tmp_path / "broken.pem"
        broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        with pytest.raises(BadTlsFile, match="cannot be used"):
            server_context(broken, server.key, None)
        with pytest.raises(BadTlsFile, match=r"GANTRY_TLS_CA\) cannot be used"):
            server_context(server.cert, server.key, broken)

    def test_key_of_another_certificate(self, server: Issued, ca: Authority) -> None:
        with pytest.raises(BadTlsFile, match="is not that of the certificate"):
            server_context(server.cert, ca.issue("OTHER").key, None)

    def test_encrypted_key(self, server: Issued, tmp_path: Path) -> None:
        encrypted = tmp_path / "encrypted.key"
        openssl("pkey", "-in", str(server.key), "-aes128", "-passout", "pass:secret", "-out", str(encrypted))
        with pytest.raises(BadTlsFile, match="is encrypted; decrypt it"):
            server_context(server.cert, encrypted, None)

    def test_expired(self, ca: Authority) -> None:
        expired = ca.issue("GANTRY", days=-1)
        with pytest.raises(BadTlsFile, match="has expired; put a new one there"):
            server_context(expired.cert, expired.key, None)
        with pytest.raises(BadTlsFile, match="has expired; put a new one there"):
            client_context(TlsFiles(expired.cert, expired.key, ca.cert))

    def test_expired_ca(self, server: Issued, tmp_path: Path) -> None:
        old = authority(tmp_path, "Old CA", days=-1)
        with pytest.raises(BadTlsFile, match=r"Every certificate in .* has expired"):
            server_context(server.cert, server.key, old.cert)

    def test_short_key(self, ca: Authority) -> None:
        short = ca.issue("GANTRY", new_key=("-newkey", "rsa:1024"))
        with pytest.raises(BadTlsFile, match="too short"):
            server_context(short.cert, short.key, None)

    def test_certificate_that_is_for_clients_only(self, ca: Authority) -> None:
        device = ca.issue("GANTRY", usage="clientAuth")
        with pytest.raises(BadTlsFile, match="another purpose"):
            server_context(device.cert, device.key, None)
        client_context(TlsFiles(device.cert, device.key, ca.cert))


def test_when_the_own_certificate_ends(ca: Authority) -> None:
    issued = ca.issue("GANTRY", days=10)
    printed = openssl("x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in", str(issued.cert))
    assert expires_at(issued.cert, issued.key).strftime("%Y-%m-%d %H:%M:%SZ") == printed.strip().partition("=")[2]


class TestReloading:
    def test_changed_files_hold_for_the_next_connection(self, ca: Authority, tmp_path: Path) -> None:
        files = self.put(tmp_path, ca.issue("FIRST"))
        reloading = reloading_server(files)
        first = reloading.current()
        assert reloading.current() is first
        self.put(tmp_path, ca.issue("SECOND"))
        assert self.name_shown(reloading.current(), ca) == "SECOND"

    def test_the_last_good_files_stand_while_certificate_and_key_differ(
        self, ca: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        files = self.put(tmp_path, ca.issue("FIRST"))
        reloading = reloading_server(files)
        second = ca.issue("SECOND")
        replace(tmp_path / "cert.pem", second.cert)
        assert self.name_shown(reloading.current(), ca) == "FIRST"
        assert "the last good ones stand" in caplog.text
        replace(tmp_path / "cert.key", second.key)
        assert self.name_shown(reloading.current(), ca) == "SECOND"

    def test_a_removed_file_does_not_end_the_service(self, ca: Authority, tmp_path: Path) -> None:
        reloading = reloading_server(self.put(tmp_path, ca.issue("FIRST")))
        (tmp_path / "cert.pem").unlink()
        assert self.name_shown(reloading.current(), ca) == "FIRST"

    def test_a_changed_ca_changes_who_is_let_in(self, ca: Authority, other_ca: Authority, tmp_path: Path) -> None:
        device, own = other_ca.issue("CT1"), ca.issue("GANTRY")
        trusted = tmp_path / "ca.pem"
        replace(trusted, ca.cert)
        reloading = reloading_server(TlsFiles(own.cert, own.key, trusted))
        caller = client_context(TlsFiles(device.cert, device.key, ca.cert))
        with listening(reloading.current()) as (port, _), pytest.raises(OSError):  # noqa: PT011
            call(port, caller)
        replace(trusted, other_ca.cert)
        with listening(reloading.current()) as (port, _):
            assert call(port, caller) is not None

    def test_a_bad_file_stops_the_start(self, ca: Authority, tmp_path: Path) -> None:
        with pytest.raises(BadTlsFile, match="GANTRY_TLS_CERT and GANTRY_TLS_KEY"):
            reloading_server(TlsFiles(None, None, ca.cert))
        with pytest.raises(BadTlsFile, match="cannot be read"):
            reloading_server(TlsFiles(tmp_path / "a", tmp_path / "b", None))

    @staticmethod
    def put(folder: Path, issued: Issued) -> TlsFiles:
        replace(folder / "cert.pem", issued.cert)
        replace(folder / "cert.key", issued.key)
        return TlsFiles(folder / "cert.pem", folder / "cert.key", None)

    @staticmethod
    def name_shown(context: ssl.SSLContext, ca: Authority) -> str | None:
        with listening(context) as (port, _):
            found = call(port, client_context(TlsFiles(None, None, ca.cert)))
        return found.common_name if found else None


def replace(path: Path, source: Path) -> None:
    """As an administrator's script would: whole at once, under the old name."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(source.read_bytes())
    fresh.replace(path)
