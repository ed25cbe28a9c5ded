"""By C-MOVE: the source sends to Gantry's AE title, and what it sends comes in by the listener (PS3.4 C.4.2)."""

from io import BytesIO

from django.conf import settings
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.dsutils import decode

from dicomnet.scu.get import IDENTIFIER_SYNTAXES
from dicomnet.scu.move import MODEL, Counts, Retrieved, RetrieveRefused, open_move
from dicomnet.statuses import in_words
from dicomnet.wire.peer import PeerError
from spanner.ask.dimse import peer_of
from spanner.errors import SourceFailed
from spanner.fetch.by.way import SILENCE_SECONDS, Errand

DESTINATION_UNKNOWN = 0xA801


def fetch(errand: Errand) -> None:
    """Have all pieces sent, one after the other."""
    progress = errand.progress
    sent = 0

    def told(counts: Counts) -> None:
        progress.said(sent + (counts.completed or 0))

    title = settings.GANTRY.ae_title
    try:
        with open_move(peer_of(errand.source), heartbeat=progress.beat, told=told) as assoc:
            syntax = next(syntax for syntax in IDENTIFIER_SYNTAXES if (MODEL, syntax) in assoc.contexts)
            for piece in errand.pieces:
                silence = max(SILENCE_SECONDS, errand.source.timeout_seconds)
                end = assoc.retrieve(
                    (MODEL, syntax), piece.identifier(syntax), destination=title, silence_seconds=silence
                )
                sent += end.counts.completed or 0
                progress.said(sent)
                if end.status:
                    raise SourceFailed(_in_words(end, syntax), is_alive=True)
    except RetrieveRefused as refused:
        words = f"it does not know the AE title {title}: enter it there, with Gantry's address and port"
        raise SourceFailed(words if refused.status == DESTINATION_UNKNOWN else str(refused), is_alive=True) from refused
    except PeerError as error:
        raise SourceFailed(str(error)) from error


def _in_words(end: Retrieved, syntax: str) -> str:
    """How it ended, and how many it says that it could not send."""
    failed = end.counts.failed or 0
    if not failed and end.failed_list:
        listed = decode(BytesIO(end.failed_list), syntax == ImplicitVRLittleEndian, True)
        failed = listed["FailedSOPInstanceUIDList"].VM if "FailedSOPInstanceUIDList" in listed else 0
    words = f"it ended with {in_words(end.status)}" + (f" ({end.comment})" if end.comment else "")
    return words + (f": {failed} could not be sent to Gantry" if failed else "")
