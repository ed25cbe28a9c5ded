"""A destination as a peer to call."""

from django.conf import settings

from dicomnet.scu.association import Peer, PeerError
from dicomnet.scu.echo import EchoOutcome, echo
from dicomnet.tls import BadTlsFile, reloading_client
from routing.models import Destination


def peer_of(destination: Destination) -> Peer:
    """Whom to call, under which title, how, and how long to wait.

    Raises:
        PeerError: it is to be called over TLS, and the files for that cannot be used.
    """
    try:
        tls = reloading_client(settings.GANTRY.tls_files).current() if destination.tls else None
    except BadTlsFile as error:
        raise PeerError(f"{destination.ae_title} cannot be called over TLS: {error}") from error
    return Peer(
        ae_title=destination.ae_title,
        host=destination.host,
        port=destination.port,
        calling_ae_title=destination.calling_ae_title or settings.GANTRY.ae_title,
        dimse_timeout_seconds=destination.timeout_seconds,
        tls=tls,
        tls_server_name=destination.tls_server_name,
    )


def echo_destination(destination: Destination) -> EchoOutcome:
    """Ask it for a sign of life; that it cannot even be called is an answer too."""
    try:
        peer = peer_of(destination)
    except PeerError as error:
        return EchoOutcome(False, 0, str(error))
    return echo(peer)
