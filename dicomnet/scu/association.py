"""Whom to call, how to open an association with it, and what may go wrong; the work is in ``dicomnet.wire``."""

from dicomnet.wire.peer import AssociationRejected, NoContextAccepted, Peer, PeerError
from dicomnet.wire.proposal import MAXIMUM_CONTEXTS, Role
from dicomnet.wire.requestor import RequestorAssociation

__all__ = [
    "MAXIMUM_CONTEXTS",
    "AssociationRejected",
    "NoContextAccepted",
    "Peer",
    "PeerError",
    "RequestorAssociation",
    "Role",
]
