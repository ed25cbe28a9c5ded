"""Deliver by C-STORE over one association, several under way at once where the peer grants it (PS3.4 Annex B)."""

from collections.abc import Iterator
from itertools import takewhile

from dicomnet.scu.association import NoContextAccepted, PeerError
from dicomnet.scu.store import WINDOW, AssociationLost, Outgoing, Sent, StoreAssociation, by_association
from routing.batch import Batch
from routing.models import Delivery, Destination
from routing.outgoing import outgoing
from routing.peers import peer_of
from routing.transports.outcome import Outcome, PeerLost, is_permanent


def send(destination: Destination, batch: Batch) -> Iterator[Outcome]:
    """Send each delivery's file as it is stored, or changed as its rule says.

    Raises:
        PeerLost: no association, or it broke.
    """
    with outgoing(batch.all) as files:
        yield from files.failed
        for run in by_association(files.ready):
            yield from _send_run(destination, {instance: files.ready[instance] for instance in run}, batch)


def _send_run(destination: Destination, run: dict[Outgoing, Delivery], batch: Batch) -> Iterator[Outcome]:
    # What was tried before may be what breaks the association each time: sent alone, it takes no other with it.
    is_suspect = any(delivery.attempts > 1 for delivery in run.values())
    try:
        contexts = [instance.context for instance in run]
        with StoreAssociation(peer_of(destination), contexts, window=1 if is_suspect else WINDOW) as assoc:
            for sent in assoc.send_all(takewhile(lambda instance: batch.may_go(run[instance]), run)):
                yield _outcome(run[sent.instance], sent)
    except NoContextAccepted as error:
        # It speaks of these instances only: the destination is there, and may take others.
        yield from (Outcome(delivery, None, str(error), is_permanent=True) for delivery in run.values())
    except AssociationLost as error:
        raise PeerLost(str(error), tuple(run[instance] for instance in error.outstanding)) from error
    except PeerError as error:
        raise PeerLost(str(error)) from error


def _outcome(delivery: Delivery, sent: Sent) -> Outcome:
    stored = sent.outcome
    if isinstance(stored, OSError):
        return Outcome(delivery, None, f"the stored file cannot be read: {stored.strerror}")
    if stored.is_stored:
        sent_bytes = sent.instance.size_bytes - sent.instance.data_set_offset
        return Outcome(delivery, stored.status, sent_bytes=sent_bytes)
    return Outcome(delivery, stored.status, str(stored), is_permanent(stored.status, delivery.last_status))
