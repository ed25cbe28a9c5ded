"""Ask a peer for a sign of life with C-ECHO (PS3.4 Annex A, PS3.7 9.1.5)."""

import time
from dataclasses import dataclass

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicomnet.scu.association import NoContextAccepted, Peer, PeerError, RequestorAssociation
from dicomnet.statuses import in_words
from dicomnet.wire import pdu


@dataclass(frozen=True)
class EchoOutcome:
    """Whether the peer answered with success, in how many milliseconds, and in words.

    Attributes:
        has_answered: it took the association at least: there are nodes that store and do not echo.
    """

    is_alive: bool
    milliseconds: float
    words: str
    has_answered: bool = False


def echo(peer: Peer) -> EchoOutcome:
    """Open an association, echo once, release; the time covers all three."""
    began = time.perf_counter()
    try:
        words = _ask(peer)
    except NoContextAccepted as error:
        return EchoOutcome(False, _milliseconds(began), str(error), has_answered=True)
    except PeerError as error:
        return EchoOutcome(False, _milliseconds(began), str(error))
    return EchoOutcome(words == in_words(0x0000), _milliseconds(began), words, has_answered=True)


def _ask(peer: Peer) -> str:
    proposed = [(Verification, ImplicitVRLittleEndian), (Verification, ExplicitVRLittleEndian)]
    with RequestorAssociation(peer, proposed) as assoc:
        message_id = assoc.next_message_id()
        request = [
            (pdu.AFFECTED_SOP_CLASS_UID, pdu.encode_uid(Verification)),
            (pdu.COMMAND_FIELD, pdu.C_ECHO_RQ),
            (pdu.MESSAGE_ID, pdu.encode_us(message_id)),
            (pdu.COMMAND_DATA_SET_TYPE, pdu.NO_DATA_SET),
        ]
        context_id = next(iter(assoc.contexts.values()))
        assoc.write(assoc.message(context_id, request), peer.dimse_timeout_seconds)
        response = assoc.read_status(message_id, peer.dimse_timeout_seconds)
        return in_words(response.status or 0)


def _milliseconds(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)
