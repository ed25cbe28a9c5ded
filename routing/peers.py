"""A destination as a DICOM peer to call."""

from django.conf import settings

from dicomnet.scu.association import Peer, PeerError
from dicomnet.tls import BadTlsFile, reloading_client
from dicomnet.web.addresses import BadAddress, resolve
from routing.models import Destination


def peer_of(destination: Destination) -> Peer:
    """Whom to call, under which title, how, and how long to wait.

    Raises:
        PeerError: its address is none that Gantry calls; or it is to be called over TLS, and the files for that cannot
            be used.
    """
    try:
        tls = reloading_client(settings.GANTRY.tls_files).current() if destination.tls else None
    except BadTlsFile as error:
        raise PeerError(f"{destination.ae_title} cannot be called over TLS: {error}") from error
    place = f"{destination.ae_title} at {destination.host}:{destination.port}"
    try:
        addresses = resolve(destination.host, destination.port)
    except BadAddress as error:
        raise PeerError(f"{place} is not called: {error}") from error
    except OSError as error:
        raise PeerError(f"{place} cannot be called: {error.strerror or error}") from error
    return Peer(
        ae_title=destination.ae_title,
        host=destination.host,
        port=destination.port,
        calling_ae_title=destination.calling_ae_title or settings.GANTRY.ae_title,
        dimse_timeout_seconds=destination.timeout_seconds,
        tls=tls,
        tls_server_name=destination.tls_server_name,
        addresses=addresses,
    )
