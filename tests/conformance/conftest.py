"""What conformance tests share: a CA, and listeners with and without TLS."""

from collections.abc import Iterator

import pytest

from dicomnet.scp import server
from dicomnet.tls import TlsFiles, reloading_server
from tests import node
from tests.certificates import Authority, authority
from tests.conformance.programs import Tls
from tests.peers import ANYBODY, LOOPBACK, FixedAllowlist, Listener, has_dcmtk


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def own_tls(ca: Authority) -> Tls:
    """Gantry's side."""
    return Tls(ca.issue("GANTRY"), ca)


@pytest.fixture(scope="session")
def peer_tls(ca: Authority) -> Tls:
    """The peer's side."""
    return Tls(ca.issue("PEER"), ca)


@pytest.fixture
def tls_port(listener: Listener, own_tls: Tls) -> Iterator[int]:
    """The same archive behind a listener over TLS, which wants to see a certificate."""
    found = server.Listener("GANTRY", FixedAllowlist([ANYBODY]))
    files = TlsFiles(own_tls.own.cert, own_tls.own.key, own_tls.ca.cert)
    try:
        yield found.listen((LOOPBACK, 0), reloading_server(files).current)
    finally:
        found.stop(grace_seconds=0)


@pytest.fixture(autouse=True)
def _no_defect_shows(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a caller does, no thread of the listener meets an error of its own."""
    yield
    assert [record.message for record in caplog.get_records("call") if record.exc_info] == []


@pytest.fixture(scope="session")
def dcmtk_installed() -> None:
    if not has_dcmtk():
        pytest.skip("DCMTK is missing: apt-get install dcmtk")


@pytest.fixture(scope="session")
def dcmjs_installed() -> None:
    if not node.is_installed():
        pytest.skip("dcmjs-dimse is missing: python -m tests.node")
