"""Ask one destination what is due, until nothing is left, it is lost, or others want the worker."""

import logging
import time
from collections.abc import Sequence

from dicomnet.scu.association import PeerError
from dicomnet.scu.find import FindRefused
from routing.models import Destination, DestinationKind, ProofKind, ProofRequest
from routing.proof import commitment, qido, query
from routing.proof.requests import begin, claim, give_up, put_all_off, put_off
from routing.proof.sent import by_instance
from routing.proof.settle import settle

logger = logging.getLogger(__name__)
BATCH = 20
PROVE_SECONDS = 30.0  # then others get the worker's thread; the sweep says the rest again

LOOKERS = {DestinationKind.DICOM: query.kept, DestinationKind.STOW: qido.kept}


def prove(destination_pk: int) -> None:
    """Ask about what is due at one destination; one that is away holds up nobody but itself."""
    deadline = time.monotonic() + PROVE_SECONDS
    while time.monotonic() < deadline:
        destination = Destination.objects.filter(pk=destination_pk, is_enabled=True).first()
        requests = claim(destination, limit=BATCH) if destination is not None else []
        if destination is None or not requests:
            return
        try:
            _ask(destination, requests)
        except PeerError as error:
            logger.warning("proof not asked", extra={"destination": destination.name, "reason": str(error)})
            put_all_off(destination, requests[0].lease_token, str(error))
            return


def _ask(destination: Destination, requests: Sequence[ProofRequest]) -> None:
    by_commitment = [request for request in requests if request.kind == ProofKind.COMMITMENT]
    if by_commitment:
        commitment.ask(destination, by_commitment)
    for request in requests:
        if request.kind == ProofKind.QUERY:
            _look(destination, request)


def _look(destination: Destination, request: ProofRequest) -> None:
    look = LOOKERS.get(DestinationKind(destination.kind))
    if look is None:
        give_up(request, f"A destination of the kind {destination.get_kind_display()} cannot be asked what it has.")
        return
    asked = by_instance(begin(request))
    if not asked:
        return
    try:
        found = look(destination, asked)
    except FindRefused as refused:
        put_off(request, f"It tells not what it has: {refused}.")
        return
    settle(request, kept=found, failed={})
