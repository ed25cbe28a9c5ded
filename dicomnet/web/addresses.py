"""Which addresses a destination may have, and where they lead: nobody gets at this machine's own services through one.

Private networks are where hospitals keep their archives, so they are allowed. What never is: link-local addresses (with
the metadata services of clouds), addresses that name nobody, and the ports of Gantry's own parts. Addresses are written
in one way only, so that no reader takes one for another (CWE-918, RFC 3986 3.2.2).
"""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

MAXIMUM_ADDRESSES = 4  # of one name, tried one after the other
Address = IPv4Address | IPv6Address

_URL = re.compile(r"(https?)://([^/?#]+)(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?", re.IGNORECASE)
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*\.?", re.IGNORECASE)
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}
_NAT64 = IPv6Network("64:ff9b::/96")
_SHARED = IPv4Network("100.64.0.0/10")  # behind a provider's NAT (RFC 6598)
# Metadata services of clouds that are not link-local: of Alibaba, Azure and AWS.
_METADATA = frozenset(map(ip_address, ("100.100.100.200", "168.63.129.16", "fd00:ec2::254")))


class BadAddress(ValueError):
    """The address is not written as it should be, or is none that Gantry calls; the message says what to do."""


@dataclass(frozen=True)
class Url:
    """The root of an HTTP service, taken apart."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def is_encrypted(self) -> bool:
        """It is https."""
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """Host and port as in the Host header field; the port only where it is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """What credentials are bound to (RFC 6454)."""
        return f"{self.scheme}://{self.host}:{self.port}"


def parse_url(text: str) -> Url:
    """Take a URL apart that is written plainly; nothing is asked of the network.

    Raises:
        BadAddress: it is written oddly, or leads where Gantry does not call.
    """
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise BadAddress(_("Leave out user name and password here; they have fields of their own."))
    found = _URL.fullmatch(text)
    if found is None:
        raise BadAddress(
            _("Enter an address such as https://pacs.example/dicom-web: https or http, host, port and path.")
        )
    scheme, path = found[1].lower(), (found[3] or "").rstrip("/")
    if any(part in {".", ".."} for part in path.split("/")) or "//" in path:
        raise BadAddress(_("Write the path without “.”, “..” and empty parts."))
    host, port = _host_and_port(found[2], _DEFAULT_PORTS[scheme])
    url = Url(scheme, check_host(host), port, path)
    check_place(url.host, port, is_plain_http=not url.is_encrypted)
    return url


def check_host(host: str) -> str:
    """A host name or an address in its usual form, in small letters.

    Raises:
        BadAddress: it is written in another way.
    """
    text = host.lower()
    with suppress(ValueError):
        address = ip_address(text)
        if "%" not in text and getattr(address, "ipv4_mapped", None) is None:
            return str(address)
        raise BadAddress(_("Write an IPv4 address as four numbers, and an IPv6 address without “%” and an interface."))
    if _NUMBER.fullmatch(text.rstrip(".").rpartition(".")[2]):
        raise BadAddress(_("Write an address as four numbers from 0 to 255 without leading zeros, such as 10.1.2.3."))
    if not _NAME.fullmatch(text):
        raise BadAddress(_("Enter a host name such as pacs.hospital.example, or an address such as 10.1.2.3."))
    return text


def check_place(host: str, port: int, *, is_plain_http: bool = False) -> None:
    """Refuse what can be seen without asking for the name's addresses; ``resolve`` sees the rest when it is called.

    Raises:
        BadAddress: Gantry does not call there.
    """
    address = _literal(host)
    if address is not None:
        _check(address, port, is_plain_http=is_plain_http)


def resolve(host: str, port: int, *, is_plain_http: bool = False) -> tuple[str, ...]:
    """Where a host is; connect to one of these, and do not ask again: the next answer may be another.

    Raises:
        BadAddress: one of its addresses is none that Gantry calls.
        OSError: the name is not known, or nobody can be asked.
    """
    name = check_host(host)
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    texts = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for text in texts:
        _check(ip_address(text), port, is_plain_http=is_plain_http)
    return tuple(texts[:MAXIMUM_ADDRESSES])


def is_near(host: str) -> bool:
    """It is this machine or an address of a private network; False for a name whose addresses are not known here."""
    address = _literal(host)
    return address is not None and _is_private(_plain(address))


def _host_and_port(authority: str, default: int) -> tuple[str, int]:
    found = re.fullmatch(r"(?:\[([0-9a-fA-F:.%]+)\]|([^:\[\]]+))(?::(\d{1,5}))?", authority)
    if found is None or (found[3] and not 0 < int(found[3]) < 65_536):
        raise BadAddress(_("Write host and port as pacs.example:8443, and an IPv6 address in brackets."))
    return found[1] or found[2], int(found[3] or default)


def _literal(host: str) -> Address | None:
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return IPv4Address("127.0.0.1")
    try:
        return ip_address(name)
    except ValueError:
        return None


def _check(found: Address, port: int, *, is_plain_http: bool) -> None:
    address = _plain(found)
    if address.is_link_local or address in _METADATA:
        raise BadAddress(
            _("Gantry does not call link-local addresses (169.254.0.0/16, fe80::/10) and metadata services.")
        )
    is_nobody = address.is_unspecified or address.is_multicast or (address.is_reserved and not address.is_loopback)
    if is_nobody or address == IPv4Address("255.255.255.255"):
        raise BadAddress(_("%(address)s is the address of no single machine.") % {"address": address})
    if any(_is_same_machine(address, host) for host, own in own_services() if own == port):
        raise BadAddress(
            _("Port %(port)s there is one of Gantry's own: its pages, DICOM listener, broker or database.")
            % {"port": port}
        )
    if is_plain_http and not _is_private(address):
        raise BadAddress(_("Outside of private networks only https is allowed: http shows patient data to everybody."))


def _plain(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
    if inner is None and (address in _NAT64 or 0xFFFF < int(address) < 1 << 32):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def _is_private(address: Address) -> bool:
    return address.is_private or address in _SHARED


def own_services() -> Iterator[tuple[str, int]]:
    """Where Gantry's own parts listen."""
    gantry = settings.GANTRY
    yield gantry.http_bind
    yield gantry.dicom_bind
    if gantry.dicom_tls_bind is not None:
        yield gantry.dicom_tls_bind
    for url in (gantry.redis_url, gantry.broker_url):
        parts = urlsplit(url)
        if parts.hostname:
            yield parts.hostname, parts.port or _DEFAULT_PORTS.get(parts.scheme, 6379)
    database = settings.DATABASES["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        yield database.get("HOST") or "localhost", int(database.get("PORT") or 5432)


def _is_same_machine(address: Address, host: str) -> bool:
    if host.startswith("/"):  # a socket file
        return _is_own(address)
    try:
        found = {ip_address(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
    except OSError:
        return False
    return address in found or (_is_own(address) and any(_is_own(other) for other in found))


def _is_own(address: Address) -> bool:
    """This machine has it: the kernel lets a socket be bound to its own addresses only."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
