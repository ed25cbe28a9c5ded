"""A worker as a peer to call, and as somebody who calls."""

import socket
from ipaddress import ip_address

from django.conf import settings

from dicomnet.scu.association import Peer, PeerError
from dicomnet.scu.echo import EchoOutcome, echo
from dicomnet.tls import BadTlsFile, reloading_client
from routing.ai.models import AIWorker

DIMSE_TIMEOUT_SECONDS = 30


def peer_of(worker: AIWorker) -> Peer:
    """Whom to call, and how.

    Raises:
        PeerError: it is to be called over TLS, and the files for that cannot be used.
    """
    try:
        tls = reloading_client(settings.GANTRY.tls_files).current() if worker.tls else None
    except BadTlsFile as error:
        raise PeerError(f"{worker.ae_title} cannot be called over TLS: {error}") from error
    return Peer(
        ae_title=worker.ae_title,
        host=worker.host,
        port=worker.port,
        calling_ae_title=settings.GANTRY.ae_title,
        dimse_timeout_seconds=DIMSE_TIMEOUT_SECONDS,
        tls=tls,
        tls_server_name=worker.tls_server_name,
    )


def echo_worker(worker: AIWorker) -> EchoOutcome:
    """Ask it for a sign of life; that it cannot even be called is an answer too."""
    try:
        peer = peer_of(worker)
    except PeerError as error:
        return EchoOutcome(False, 0, str(error))
    return echo(peer)


def may_call_from(worker: AIWorker, address: str) -> bool:
    """Whether this address is one of the worker's host; a host that has none now is not held against the caller."""
    if not address:
        return True
    try:
        found = {_plain(str(entry[4][0])) for entry in socket.getaddrinfo(worker.host, None)}
    except (OSError, UnicodeError):
        return True
    return _plain(address) in found


def _plain(address: str) -> str:
    """An IPv4 caller on a listener for both families shows as ::ffff:10.1.2.3."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address  # a file may say of itself that it came from anywhere; that is nobody's address
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)
