"""A destination as a DICOM peer to call."""

from dicomnet.scu.association import Peer
from dicomnet.scu.call import peer_at
from routing.models import Destination


def peer_of(destination: Destination) -> Peer:
    """Whom to call, under which title, how, and how long to wait.

    Raises:
        PeerError: its address is none that Gantry calls; or it is to be called over TLS, and the files for that cannot
            be used.
    """
    return peer_at(
        destination.host,
        destination.port,
        ae_title=destination.ae_title,
        calling_ae_title=destination.calling_ae_title,
        timeout_seconds=destination.timeout_seconds,
        tls=destination.tls,
        tls_server_name=destination.tls_server_name,
    )
