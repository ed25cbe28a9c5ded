"""Deliver by C-STORE over one association, several under way at once where the peer grants it (PS3.4 Annex B)."""

from collections.abc import Iterator, Sequence

from dicomnet.scu.association import NoContextAccepted, PeerError
from dicomnet.scu.store import WINDOW, AssociationLost, Outgoing, StoreAssociation, StoreOutcome, by_association
from routing.models import Delivery, Destination
from routing.outgoing import outgoing_of
from routing.peers import peer_of
from routing.transports.outcome import Outcome, PeerLost, is_permanent


def send(destination: Destination, deliveries: Sequence[Delivery]) -> Iterator[Outcome]:
    """Send each delivery's file as it is stored; nothing is decoded or transcoded.

    Raises:
        PeerLost: no association, or it broke.
    """
    waiting = {outgoing_of(delivery): delivery for delivery in deliveries}
    for run in by_association(waiting):
        yield from _send_run(destination, {instance: waiting[instance] for instance in run})


def _send_run(destination: Destination, run: dict[Outgoing, Delivery]) -> Iterator[Outcome]:
    # What was tried before may be what breaks the association each time: sent alone, it takes no other with it.
    is_suspect = any(delivery.attempts > 1 for delivery in run.values())
    try:
        contexts = [instance.context for instance in run]
        with StoreAssociation(peer_of(destination), contexts, window=1 if is_suspect else WINDOW) as assoc:
            for sent in assoc.send_all(run):
                yield _outcome(run[sent.instance], sent.outcome)
    except NoContextAccepted as error:
        # It speaks of these instances only: the destination is there, and may take others.
        yield from (Outcome(delivery, None, str(error), is_permanent=True) for delivery in run.values())
    except AssociationLost as error:
        raise PeerLost(str(error), tuple(run[instance] for instance in error.outstanding)) from error
    except PeerError as error:
        raise PeerLost(str(error)) from error


def _outcome(delivery: Delivery, stored: StoreOutcome | OSError) -> Outcome:
    if isinstance(stored, OSError):
        return Outcome(delivery, None, f"the stored file cannot be read: {stored.strerror}")
    if stored.is_stored:
        return Outcome(delivery, stored.status)
    return Outcome(delivery, stored.status, str(stored), is_permanent(stored.status, delivery.last_status))
