"""A node that somebody set up as a peer to call: at addresses that were checked, over TLS where it says so."""

from django.conf import settings

from dicomnet.scu.association import Peer, PeerError
from dicomnet.tls import BadTlsFile, reloading_client
from dicomnet.web.addresses import BadAddress, resolve


def peer_at(
    host: str,
    port: int,
    *,
    ae_title: str,
    calling_ae_title: str,
    timeout_seconds: float,
    tls: bool = False,
    tls_server_name: str = "",
    connect_timeout_seconds: float = 10,
) -> Peer:
    """Whom to call, under which title, how, and how long to wait.

    Args:
        calling_ae_title: empty for Gantry's own.
        timeout_seconds: for the answer to one message, besides the time its size needs.

    Raises:
        PeerError: its address is none that Gantry calls; or it is to be called over TLS, and the files for that cannot
            be used.
    """
    place = f"{ae_title} at {host}:{port}"
    try:
        context = reloading_client(settings.GANTRY.tls_files).current() if tls else None
        addresses = resolve(host, port)
    except BadTlsFile as error:
        raise PeerError(f"{ae_title} cannot be called over TLS: {error}") from error
    except BadAddress as error:
        raise PeerError(f"{place} is not called: {error}") from error
    except OSError as error:
        raise PeerError(f"{place} cannot be called: {error.strerror or error}") from error
    return Peer(
        ae_title=ae_title,
        host=host,
        port=port,
        calling_ae_title=calling_ae_title or settings.GANTRY.ae_title,
        connect_timeout_seconds=connect_timeout_seconds,
        dimse_timeout_seconds=timeout_seconds,
        tls=context,
        tls_server_name=tls_server_name,
        addresses=addresses,
    )
