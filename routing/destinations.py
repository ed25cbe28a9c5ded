"""A destination as a peer to call."""

from django.conf import settings

from dicomnet.scu.association import Peer
from routing.models import Destination


def peer_of(destination: Destination) -> Peer:
    """Whom to call, under which title, and how long to wait."""
    return Peer(
        ae_title=destination.ae_title,
        host=destination.host,
        port=destination.port,
        calling_ae_title=destination.calling_ae_title or settings.GANTRY.ae_title,
        dimse_timeout_seconds=destination.timeout_seconds,
    )
