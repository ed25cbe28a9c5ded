"""Addresses that lead where nobody should get through a destination, in all their spellings (CWE-918)."""

import socket
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from dicomnet.scu.association import PeerError
from dicomnet.web import addresses
from dicomnet.web.addresses import BadAddress, check_host, check_place, is_near, parse_url, resolve
from routing.destinations import echo_destination
from routing.models import DestinationKind
from routing.peers import peer_of
from tests.factories import DestinationFactory
from tests.peers import storing_peer

# One for each trick; what they would reach stands beside.
FORBIDDEN_URLS = [
    "http://169.254.169.254/latest/meta-data/",  # metadata of AWS, Azure, Google
    "https://169.254.169.254",
    "http://169.254.0.1:8080",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::a9fe:a9fe]/",  # by NAT64
    "http://[2002:a9fe:a9fe::1]/",  # by 6to4
    "http://[fd00:ec2::254]/",  # metadata of AWS
    "http://100.100.100.200/",  # metadata of Alibaba
    "http://2852039166/",  # 169.254.169.254 as one number
    "http://0xa9fea9fe/",
    "http://0251.0376.0251.0376/",
    "http://169.254.43518/",
    "http://127.1:8000/",
    "http://2130706433:8000/",
    "http://0x7f.0.0.1:8000/",
    "http://017700000001:8000/",
    "http://127.0.0.1:8000/",  # its own pages
    "http://localhost:8000/",
    "http://LOCALHOST.:8000/",
    "http://x.localhost:8000/",
    "http://127.8.8.8:8000/",
    "http://[::1]:8000/",
    "http://[::ffff:127.0.0.1]:8000/",
    "http://0.0.0.0:8000/",
    "http://[::]:8000/",
    "http://127.0.0.1:11112/",  # its DICOM listener
    "http://127.0.0.1:6379/",  # its broker
    "http://127.0.0.1:5432/",  # its database
    "http://①②⑦.⓪.⓪.①:8000/",
    "http://127。0。0。1:8000/",
    "http://%31%32%37.0.0.1:8000/",
    "http://good.example@127.0.0.1:8000/",
    "http://good.example:80@127.0.0.1:8000/",
    "http://127.0.0.1:8000#@good.example/",
    "http://127.0.0.1\\@good.example/",
    "http://good.example\n.evil.example/",
    "http://good.example\t/",
    " http://good.example/",
    "http:///studies",
    "http://good.example:0/",
    "http://good.example:70000/",
    "http://good.example:80:80/",
    "http://good.example/a?b=c",
    "http://good.example/../admin",
    "http://good.example//evil.example",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "http://8.8.8.8/",  # public, in plain text
    "file:///etc/passwd",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "ftp://good.example/",
    "dict://127.0.0.1:11211/",
    "//good.example/",
    "good.example",
    "javascript:alert(1)",
    "http://",
    "",
]
FORBIDDEN_HOSTS = [
    "127.1",
    "0177.0.0.1",
    "0x7f000001",
    "2130706433",
    "010.0.0.1",
    "1.2.3",
    "256.1.1.1",
    "fe80::1%eth0",
    "::ffff:10.0.0.1",
    "[::1]",
    "user@host",
    "host:104",
    "host name",
    "host\n",
    "höst",
    "-host",
    "a" * 64,
    "x." * 130,
    "",
    "..",
    "http://host",
]


@pytest.fixture(autouse=True)
def _own_services(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a broker and a database that listen on ports."""
    settings.GANTRY = replace(
        settings.GANTRY,
        http_bind=("127.0.0.1", 8000),
        dicom_bind=("0.0.0.0", 11112),  # noqa: S104 (nothing listens)
        redis_url="redis://127.0.0.1",
        broker_url="redis://localhost:6379/1",
    )
    honest = addresses.own_services
    monkeypatch.setattr(addresses, "own_services", lambda: [*honest(), ("localhost", 5432)])


@pytest.mark.parametrize("url", FORBIDDEN_URLS)
def test_forbidden_urls(url: str) -> None:
    with pytest.raises(BadAddress):
        parse_url(url)


@pytest.mark.parametrize("host", FORBIDDEN_HOSTS)
def test_odd_hosts(host: str) -> None:
    with pytest.raises(BadAddress):
        check_host(host)


@pytest.mark.parametrize(
    ("url", "origin", "path", "authority"),
    [
        ("https://pacs.example/dicom-web/", "https://pacs.example:443", "/dicom-web", "pacs.example"),
        ("HTTPS://PACS.example:8443", "https://pacs.example:8443", "", "pacs.example:8443"),
        ("http://10.1.2.3:8042/dicom-web", "http://10.1.2.3:8042", "/dicom-web", "10.1.2.3:8042"),
        ("http://192.168.1.9", "http://192.168.1.9:80", "", "192.168.1.9"),
        ("http://[fd12:3456::1]:8042/x", "http://fd12:3456::1:8042", "/x", "[fd12:3456::1]:8042"),
        ("http://127.0.0.1:8042/dicom-web", "http://127.0.0.1:8042", "/dicom-web", "127.0.0.1:8042"),
        ("http://pacs_1:8042", "http://pacs_1:8042", "", "pacs_1:8042"),
        ("https://8.8.8.8/", "https://8.8.8.8:443", "", "8.8.8.8"),
        (
            "https://healthcare.googleapis.com/v1/projects/p/dicomStores/s/dicomWeb",
            "https://healthcare.googleapis.com:443",
            "/v1/projects/p/dicomStores/s/dicomWeb",
            "healthcare.googleapis.com",
        ),
    ],
)
def test_what_hospitals_have(url: str, origin: str, path: str, authority: str) -> None:
    found = parse_url(url)
    assert (found.origin, found.path, found.authority) == (origin, path, authority)


@pytest.mark.parametrize("host", ["pacs", "PACS.hospital.example.", "10.1.2.3", "fd12::1", "pacs_1", "127.0.0.1"])
def test_hosts_that_are_written_plainly(host: str) -> None:
    check_place(check_host(host), 104)


def names(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """A name server that gives these answers, one after the other; returns what it was asked."""
    asked: list[str] = []
    honest, left = socket.getaddrinfo, list(answers)

    def answer(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if str(host).endswith(".example"):
            asked.append(host)
            return [entry for text in left.pop(0) for entry in honest(text, port, *args, **kwargs)]
        return honest(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


@pytest.mark.parametrize(
    ("address", "port"),
    [
        ("169.254.169.254", 80),
        ("fe80::1", 80),
        ("::ffff:169.254.169.254", 80),
        ("127.0.0.1", 8000),
        ("::1", 11112),
        ("0.0.0.0", 8000),  # noqa: S104 (an answer)
        ("127.0.0.1", 5432),
        ("127.0.0.1", 6379),
    ],
)
def test_a_name_that_leads_to_a_forbidden_place(monkeypatch: pytest.MonkeyPatch, address: str, port: int) -> None:
    names(monkeypatch, [address], ["10.1.2.3", address])
    for _ in range(2):
        with pytest.raises(BadAddress):
            resolve("pacs.example", port)


def test_a_public_name_by_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["8.8.8.8"], ["8.8.8.8"])
    with pytest.raises(BadAddress, match="only https is allowed"):
        resolve("pacs.example", 80, is_plain_http=True)
    assert resolve("pacs.example", 443) == ("8.8.8.8",)


@pytest.mark.django_db
def test_a_name_is_asked_for_once_and_the_answer_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second answer, which names the metadata service, is never heard."""
    asked = names(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    with storing_peer() as peer:
        destination = DestinationFactory.create(ae_title="PEER", host="pacs.example", port=peer.port)
        assert echo_destination(destination).words == "0x0000 Success"
    assert asked == ["pacs.example"]


@pytest.mark.django_db
def test_the_next_address_is_tried_when_one_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    names(monkeypatch, ["::1", "127.0.0.1"])
    with storing_peer() as peer:
        destination = DestinationFactory.create(ae_title="PEER", host="pacs.example", port=peer.port)
        assert echo_destination(destination).is_alive


@pytest.mark.django_db
def test_a_dicom_destination_at_its_own_listener_is_not_called() -> None:
    destination = DestinationFactory.create(host="127.0.0.1", port=11112)
    with pytest.raises(PeerError, match="one of Gantry's own"):
        peer_of(destination)
    assert not echo_destination(destination).is_alive


@pytest.mark.django_db
def test_an_unknown_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    destination = DestinationFactory.create(kind=DestinationKind.STOW, url="https://pacs.example")
    outcome = echo_destination(destination)
    assert (outcome.is_alive, outcome.words) == (False, "pacs.example cannot be called: Name or service not known")


@pytest.mark.parametrize(("host", "near"), [("10.1.2.3", True), ("localhost", True), ("8.8.8.8", False), ("x", False)])
def test_what_is_near(host: str, near: bool) -> None:
    assert is_near(host) is near
