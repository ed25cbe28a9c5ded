"""Ask a destination by storage commitment, several studies on one association (PS3.4 J.3.2)."""

from collections.abc import Sequence
from contextlib import suppress

from pydicom.uid import generate_uid

from dicomnet.commitment import EventAnswer, Verdict
from dicomnet.scu.association import NoContextAccepted, PeerError
from dicomnet.scu.commit import CommitmentAssociation
from dicomnet.statuses import in_words
from routing.destinations import peer_of
from routing.models import Destination, ProofRequest
from routing.proof.report import take_verdict
from routing.proof.requests import begin, give_up, put_off, wait_for_report
from routing.proof.sent import by_instance

SAME_ASSOCIATION_SECONDS = 5  # for reports that come at once; later ones come on an association of the peer's
# Statuses that another try would not change (PS3.7 10.1.4.1.10).
_PERMANENT = frozenset({0x0112, 0x0114, 0x0115, 0x0117, 0x0118, 0x0119, 0x0122, 0x0123, 0x0124, 0x0211, 0x0212})


def ask(destination: Destination, requests: Sequence[ProofRequest]) -> None:
    """Send each request; its report is recorded when it comes on the same association.

    Raises:
        PeerError: the destination cannot be reached, or was lost in the middle.
    """
    reported: set[str] = set()

    def take(verdict: Verdict) -> EventAnswer:
        reported.add(verdict.transaction_uid)
        return take_verdict(verdict)

    try:
        with CommitmentAssociation(peer_of(destination), take) as assoc:
            taken = {uid for request in requests if (uid := _ask_one(assoc, request))}
            # It may have nothing more to say here, and leave: the listener hears the rest.
            with suppress(PeerError):
                assoc.wait_for_reports(SAME_ASSOCIATION_SECONDS, lambda: taken <= reported)
    except NoContextAccepted:
        words = f"{destination.name} offers no Storage Commitment: choose “Ask it by a query what it has” for it."
        for request in requests:
            give_up(request, words)


def _ask_one(assoc: CommitmentAssociation, request: ProofRequest) -> str:
    """Send one request; returns its Transaction UID when the destination took it."""
    transaction_uid = str(generate_uid(prefix=None))
    deliveries = begin(request, transaction_uid=transaction_uid)
    if not deliveries:
        return ""
    response = assoc.request(transaction_uid, [sent.reference for sent in by_instance(deliveries)])
    status = response.status or 0
    if status == 0 or 0xB000 <= status <= 0xBFFF:
        wait_for_report(request)
        return transaction_uid
    comment = f" ({response.comment})" if response.comment else ""
    (give_up if status in _PERMANENT else put_off)(
        request, f"It answered the request with {in_words(status)}{comment}."
    )
    return ""
