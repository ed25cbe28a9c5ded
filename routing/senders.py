"""Which transport reaches a destination, by its kind."""

from collections.abc import Callable, Iterator

from routing.batch import Batch
from routing.models import Destination, DestinationKind
from routing.transports.dimse import send as send_by_dimse
from routing.transports.folder import send as send_to_folder
from routing.transports.outcome import Outcome
from routing.transports.s3 import send as send_to_s3
from routing.transports.stow import send as send_by_stow

Send = Callable[[Destination, Batch], Iterator[Outcome]]

SENDERS: dict[str, Send] = {
    DestinationKind.DICOM: send_by_dimse,
    DestinationKind.STOW: send_by_stow,
    DestinationKind.FOLDER: send_to_folder,
    DestinationKind.S3: send_to_s3,
}
