"""Destinations that C-MOVE may name: DICOM nodes, to which instances are sent anyway.

Only the address is shared with the lane. Its window, its limit of bytes and its order are those of deliveries: who asks
for a study by C-MOVE waits for it.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from dicomnet.scu.places import take_place
from dicomnet.wire.peer import Peer
from routing.models import Destination, DestinationKind
from routing.peers import peer_of
from studies.retrieve_service import moves_folder


@dataclass(frozen=True)
class DestinationPlace:
    """A destination as the end of a C-MOVE."""

    destination: Destination

    @property
    def peer(self) -> Peer:
        """Whom to call.

        Raises:
            PeerError: its address is none that Gantry calls, or TLS is wanted and its files cannot be used.
        """
        return peer_of(self.destination)

    def take_place(self) -> AbstractContextManager[None] | None:
        """One of its associations for C-MOVE; None while all are in use."""
        destination = self.destination
        return take_place(moves_folder(), f"destination-{destination.pk}", destination.maximum_associations)


def find_destination(ae_title: str, source_address: str) -> DestinationPlace | None:
    """The enabled DICOM destination with this AE title; of several the one at the address, else none."""
    found = list(Destination.objects.filter(kind=DestinationKind.DICOM, is_enabled=True, ae_title=ae_title))
    candidates = [destination for destination in found if destination.host == source_address] or found
    return DestinationPlace(candidates[0]) if len(candidates) == 1 else None
