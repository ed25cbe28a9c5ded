"""The listener over TLS: who shows which certificate under which AE title (PS3.15 B.12, PS3.8 9.3.4)."""

import logging
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]
from pytest_django import Settings

from dicomnet.allowlist import Entry, Rights
from dicomnet.scp.server import Listener as DicomListener
from dicomnet.scu.association import AssociationRejected, PeerError, RequestorAssociation
from dicomnet.scu.echo import echo
from dicomnet.tls import TlsFiles, client_context, reloading_server
from gateway.env import Environment
from tests.certificates import Authority, Issued, authority
from tests.corpus import CT, EXPLICIT, data_set
from tests.peers import LOOPBACK, Caller, FixedAllowlist, Listener, peer, refused_port

ECHO = (Verification, ImplicitVRLittleEndian)
STORE = (CT, EXPLICIT)
RIGHTS = Rights(may_echo=True, may_store=True)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def own(ca: Authority) -> Issued:
    return ca.issue("GANTRY")


@pytest.fixture(scope="module")
def ct1(ca: Authority) -> Issued:
    return ca.issue("CT1")


@pytest.fixture(scope="module")
def mr1(ca: Authority) -> Issued:
    return ca.issue("MR1")


@contextmanager
def gantry_over_tls(files: TlsFiles, *entries: Entry) -> Iterator[tuple[int, int]]:
    """Our listener on two ports of loopback: in plain text, and over TLS."""
    listener = DicomListener("GANTRY", FixedAllowlist(entries))
    try:
        yield listener.listen((LOOPBACK, 0)), listener.listen((LOOPBACK, 0), reloading_server(files).current)
    finally:
        listener.stop(grace_seconds=0)


def associate(port: int, title: str, ca: Authority | None, shown: Issued | None) -> RequestorAssociation:
    whom = peer(port, "GANTRY", timeout_seconds=20, calling=title)
    if ca is not None:
        files = TlsFiles(shown.cert if shown else None, shown.key if shown else None, ca.cert)
        whom = replace(whom, tls=client_context(files))
    return RequestorAssociation(whom, [ECHO])


def bound(title: str, certificate: str) -> Entry:
    return Entry(title, "127.0.0.1", "", RIGHTS, certificates=frozenset({certificate}))


def test_a_certificate_is_bound_to_its_ae_title(
    listener: Listener, ca: Authority, own: Issued, ct1: Issued, mr1: Issued, caplog: pytest.LogCaptureFixture
) -> None:
    entries = [bound("CT1", ct1.fingerprint.replace(":", "").lower()), bound("MR1", "mr1")]
    with gantry_over_tls(TlsFiles(own.cert, own.key, ca.cert), *entries) as (plain, over_tls):
        associate(over_tls, "CT1", ca, ct1).release()
        associate(over_tls, "MR1", ca, mr1).release()
        for port, title, authority_, shown in [
            (over_tls, "MR1", ca, ct1),
            (over_tls, "CT1", ca, mr1),
            (over_tls, "CT2", ca, ct1),
            (plain, "CT1", None, None),
            (plain, "MR1", None, None),
        ]:
            with pytest.raises(AssociationRejected, match="permanently: calling AE title not recognised"):
                associate(port, title, authority_, shown)
    rejected = [vars(record) for record in caplog.records if record.message == "association rejected"]
    assert rejected[0]["certificate"] == ct1.fingerprint.replace(":", "").lower()
    assert rejected[-1]["certificate"] is None


def test_without_a_certificate_there_is_no_association(
    listener: Listener, ca: Authority, own: Issued, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with gantry_over_tls(TlsFiles(own.cert, own.key, ca.cert), Entry("*", "127.0.0.1", "", RIGHTS)) as (_, over_tls):
        with pytest.raises(PeerError, match="wants a certificate of ours"):
            associate(over_tls, "CT1", ca, None)
        eventually(lambda: "it showed no certificate" in reasons(caplog))


def test_only_over_tls_needs_no_certificate_where_none_is_asked_for(
    listener: Listener, ca: Authority, own: Issued
) -> None:
    entry = Entry("*", "127.0.0.1", "", RIGHTS, requires_tls=True)
    with gantry_over_tls(TlsFiles(own.cert, own.key, None), entry) as (plain, over_tls):
        associate(over_tls, "CT1", ca, None).release()
        with pytest.raises(AssociationRejected, match="calling"):
            associate(plain, "CT1", None, None)


def test_plain_text_on_the_port_for_tls_is_refused_and_others_are_served(
    listener: Listener, ca: Authority, own: Issued, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with gantry_over_tls(TlsFiles(own.cert, own.key, None), Entry("*", "127.0.0.1", "", RIGHTS)) as (_, over_tls):
        idle = socket.create_connection((LOOPBACK, over_tls))
        with pytest.raises(PeerError):
            associate(over_tls, "CT1", None, None)
        associate(over_tls, "CT1", ca, None).release()
        idle.close()
        eventually(lambda: "TLS handshake failed" in reasons(caplog))


def test_an_instance_comes_over_tls_as_it_is(listener: Listener, ca: Authority, own: Issued, ct1: Issued) -> None:
    data = data_set(sop_instance_uid=b"1.2")
    with gantry_over_tls(TlsFiles(own.cert, own.key, ca.cert), bound("CT1", "CT1")) as (_, over_tls):
        whom = replace(
            peer(over_tls, "GANTRY", timeout_seconds=20, calling="CT1"),
            tls=client_context(TlsFiles(ct1.cert, ct1.key, ca.cert)),
        )
        with Caller(whom, [ECHO, STORE]) as caller:
            assert caller.store(data, STORE, sop_class_uid=CT, sop_instance_uid="1.2").status == 0
            assert caller.echo() == 0
    (stored,) = listener.litter()
    assert stored.read_bytes().endswith(data)


def test_a_new_certificate_is_shown_without_a_restart(
    listener: Listener, ca: Authority, own: Issued, tmp_path: Path
) -> None:
    other = authority(tmp_path, "New CA")
    new = other.issue("GANTRY")
    files = TlsFiles(tmp_path / "own.pem", tmp_path / "own.key", None)
    put(own, files)
    with gantry_over_tls(files, Entry("*", "127.0.0.1", "", RIGHTS)) as (_, over_tls):
        associate(over_tls, "CT1", ca, None).release()
        put(new, files)
        associate(over_tls, "CT1", other, None).release()
        with pytest.raises(
            PeerError, match=r"TLS with .* failed: its certificate is from a CA that GANTRY_TLS_CA does not hold"
        ):
            associate(over_tls, "CT1", ca, None)


@pytest.mark.peers
def test_dcmtk_calls_with_its_certificate(listener: Listener, ca: Authority, own: Issued, ct1: Issued) -> None:
    assert shutil.which("echoscu")
    with gantry_over_tls(TlsFiles(own.cert, own.key, ca.cert), bound("CT1", "CT1")) as (_, over_tls):

        def echoscu(title: str) -> int:
            tls = ["--enable-tls", str(ct1.key), str(ct1.cert), "--add-cert-file", str(ca.cert)]
            command = ["echoscu", *tls, "-aet", title, "-aec", "GANTRY", LOOPBACK, str(over_tls)]
            return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode

        assert echoscu("CT1") == 0
        assert echoscu("CT2") != 0


@pytest.mark.parametrize(
    ("cert", "words"), [("none.pem", "GANTRY_TLS_CERT. cannot be read"), ("expired.pem", "has expired")]
)
def test_bad_files_stop_the_command_with_one_sentence(
    home: Environment, settings: Settings, ca: Authority, tmp_path: Path, cert: str, words: str
) -> None:
    expired = ca.issue("GANTRY", days=-1)
    (tmp_path / "expired.pem").write_bytes(expired.cert.read_bytes())
    settings.GANTRY = replace(
        home,
        dicom_bind=(LOOPBACK, refused_port()),
        dicom_tls_bind=(LOOPBACK, refused_port()),
        tls_cert=tmp_path / cert,
        tls_key=expired.key,
    )
    with pytest.raises(CommandError, match=words):
        call_command("runscp", processes=1)


def test_the_echo_of_a_peer_without_tls_says_so(listener: Listener, ca: Authority) -> None:
    whom = replace(peer(listener.port, "GANTRY", timeout_seconds=20), tls=client_context(TlsFiles(None, None, ca.cert)))
    outcome = echo(whom)
    assert not outcome.is_alive
    assert "TLS with GANTRY at 127.0.0.1" in outcome.words
    assert "speak TLS on this port" in outcome.words


def put(issued: Issued, files: TlsFiles) -> None:
    for source, target in ((issued.cert, files.cert), (issued.key, files.key)):
        assert target is not None
        fresh = target.with_suffix(".new")
        fresh.write_bytes(source.read_bytes())
        fresh.replace(target)


def reasons(caplog: pytest.LogCaptureFixture) -> str:
    return " ".join(str(vars(record).get("reason")) for record in caplog.records)


def eventually(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
