"""Have a peer send instances to an AE title that it knows, by C-MOVE (PS3.4 C.4.2)."""

from collections.abc import Callable

from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelMove  # type: ignore[attr-defined]

from dicomnet.scu.get import IDENTIFIER_SYNTAXES
from dicomnet.wire.peer import Peer
from dicomnet.wire.retrieve import Counts, RetrieveAssociation, Retrieved, RetrieveRefused

MODEL = str(StudyRootQueryRetrieveInformationModelMove)

__all__ = ["MODEL", "Counts", "RetrieveRefused", "Retrieved", "open_move"]


def open_move(
    peer: Peer,
    *,
    heartbeat: Callable[[], None] | None = None,
    told: Callable[[Counts], None] | None = None,
) -> RetrieveAssociation:
    """An association on which sending may be asked for.

    Args:
        peer: whom to call.
        heartbeat: as for every association.
        told: called with what each pending response says.

    Raises:
        PeerError: as for every association; one that takes no C-MOVE accepts no context.
    """
    return RetrieveAssociation(
        peer, [(MODEL, syntax) for syntax in IDENTIFIER_SYNTAXES], heartbeat=heartbeat, told=told
    )
