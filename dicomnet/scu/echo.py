"""Ask a peer for a sign of life with C-ECHO (PS3.4 Annex A, PS3.7 9.1.5)."""

import struct
import time
from dataclasses import dataclass

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicomnet.scu.association import Peer, PeerError, RequestorAssociation
from dicomnet.statuses import in_words


@dataclass(frozen=True)
class EchoOutcome:
    """Whether the peer answered, in how many milliseconds, and in words."""

    is_alive: bool
    milliseconds: float
    words: str


def echo(peer: Peer) -> EchoOutcome:
    """Open an association, echo once, release; the time covers all three."""
    began = time.perf_counter()
    try:
        words = _ask(peer)
    except PeerError as error:
        return EchoOutcome(False, _milliseconds(began), str(error))
    return EchoOutcome(words == in_words(0x0000), _milliseconds(began), words)


def _ask(peer: Peer) -> str:
    proposed = [(Verification, ImplicitVRLittleEndian), (Verification, ExplicitVRLittleEndian)]
    with RequestorAssociation(peer, proposed) as assoc:
        message_id = assoc.next_message_id()
        request = [
            (0x0002, Verification.encode() + b"\0" * (len(Verification) % 2)),
            (0x0100, b"\x30\x00"),
            (0x0110, struct.pack("<H", message_id)),
            (0x0800, b"\x01\x01"),
        ]
        try:
            assoc.socket.settimeout(peer.dimse_timeout_seconds)
            assoc.socket.sendall(assoc.command_pdu(next(iter(assoc.contexts.values())), request))
        except OSError as error:
            raise PeerError(f"the connection broke while asking ({error.strerror or error})") from error
        status, _ = assoc.read_status(message_id, peer.dimse_timeout_seconds)
        return in_words(status)


def _milliseconds(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 1)
