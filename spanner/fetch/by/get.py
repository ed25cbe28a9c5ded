"""By C-GET: the source sends on the association that Gantry opened (PS3.4 C.4.3)."""

from collections.abc import Sequence

from django.conf import settings
from pydicom.uid import UID
from pynetdicom import StoragePresentationContexts

from dicomnet.scu.get import IDENTIFIER_SYNTAXES, MODEL, NothingStored, Receiving, open_get
from dicomnet.services import services_for
from dicomnet.statuses import in_words
from dicomnet.wire.peer import PeerError
from spanner.ask.dimse import peer_of
from spanner.errors import NoRoom, SourceFailed
from spanner.fetch.by.way import SILENCE_SECONDS, Errand

# Of a source that does not say what it has: the classes that archives mostly hold.
USUAL_CLASSES = tuple(str(context.abstract_syntax) for context in StoragePresentationContexts)[:63]


def fetch(errand: Errand) -> None:
    """Have all pieces sent, one after the other, on one association."""
    services = services_for(settings.GANTRY.ae_title)
    assert services is not None  # noqa: S101 (settings name it)
    progress = errand.progress
    receiving = Receiving(services.open_store, errand.source.name, errand.study_uid, progress.took)
    classes: Sequence[str] = errand.listing.sop_classes or USUAL_CLASSES
    syntaxes = [uid for uid in errand.listing.syntaxes if UID(uid).is_valid]
    try:
        peer = peer_of(errand.source)
        with open_get(peer, classes, receiving, syntaxes=syntaxes, heartbeat=progress.beat) as assoc:
            syntax = next(syntax for syntax in IDENTIFIER_SYNTAXES if (MODEL, syntax) in assoc.contexts)
            for piece in errand.pieces:
                silence = max(SILENCE_SECONDS, errand.source.timeout_seconds)
                end = assoc.retrieve((MODEL, syntax), piece.identifier(syntax), silence_seconds=silence)
                if end.status:
                    failed = f", {end.counts.failed} failed" if end.counts.failed else ""
                    raise SourceFailed(f"it ended with {in_words(end.status)}{failed}", is_alive=True)
    except NothingStored as error:
        raise NoRoom(str(error)) from error
    except PeerError as error:
        raise SourceFailed(str(error)) from error
