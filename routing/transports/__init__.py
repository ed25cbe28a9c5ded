"""Ways to reach a destination: one module each, named by the destination's kind.

A transport is a function ``send(destination, batch)`` that yields an Outcome per delivery, in any order, as soon as it
is known, and raises PeerLost when the destination can take no more of them. Of a batch that is cut short by its lane,
what has not begun has no outcome (routing.batch).
"""

from collections.abc import Callable, Iterator

from routing.batch import Batch
from routing.models import Destination, DestinationKind
from routing.transports.dimse import send as send_by_dimse
from routing.transports.folder import send as send_to_folder
from routing.transports.outcome import Outcome, PeerLost
from routing.transports.s3 import send as send_to_s3
from routing.transports.stow import send as send_by_stow

Send = Callable[[Destination, Batch], Iterator[Outcome]]

SENDERS: dict[str, Send] = {
    DestinationKind.DICOM: send_by_dimse,
    DestinationKind.STOW: send_by_stow,
    DestinationKind.FOLDER: send_to_folder,
    DestinationKind.S3: send_to_s3,
}

__all__ = ["SENDERS", "Outcome", "PeerLost", "Send"]
