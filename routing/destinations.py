"""Whether a destination answers, whatever its kind."""

from collections.abc import Callable

from dicomnet.scu.association import PeerError
from dicomnet.scu.echo import EchoOutcome, echo
from routing.models import Destination, DestinationKind
from routing.peers import peer_of
from routing.probes import probe_folder, probe_s3, probe_stow

__all__ = ["echo_destination", "peer_of"]


def echo_destination(destination: Destination) -> EchoOutcome:
    """Ask it for a sign of life; that it cannot even be called is an answer too."""
    return _PROBES[destination.kind](destination)


def _echo_dicom(destination: Destination) -> EchoOutcome:
    try:
        peer = peer_of(destination)
    except PeerError as error:
        return EchoOutcome(False, 0, str(error))
    return echo(peer)


_PROBES: dict[str, Callable[[Destination], EchoOutcome]] = {
    DestinationKind.DICOM: _echo_dicom,
    DestinationKind.STOW: probe_stow,
    DestinationKind.FOLDER: probe_folder,
    DestinationKind.S3: probe_s3,
}
