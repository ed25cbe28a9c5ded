"""Fetch instances by C-GET: the peer sends them on the association that we opened (PS3.4 C.4.3)."""

from collections.abc import Callable, Collection, Sequence

from pydicom.uid import (
    JPEG2000,
    MPEG2MPML,
    MPEG4HP41,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelGet  # type: ignore[attr-defined]

from dicomnet.wire.incoming import Receiving
from dicomnet.wire.peer import Peer, PeerError
from dicomnet.wire.proposal import MAXIMUM_CONTEXTS, Role
from dicomnet.wire.retrieve import Counts, NothingStored, RetrieveAssociation, Retrieved, RetrieveRefused

MODEL = str(StudyRootQueryRetrieveInformationModelGet)
IDENTIFIER_SYNTAXES = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
# A context for each, so that whatever the peer stores can come as it is stored; the most usual first.
SYNTAXES = tuple(
    map(
        str,
        (
            ExplicitVRLittleEndian,
            ImplicitVRLittleEndian,
            JPEGLosslessSV1,
            JPEG2000Lossless,
            JPEGBaseline8Bit,
            JPEG2000,
            JPEGLSLossless,
            RLELossless,
            JPEGLossless,
            JPEGExtended12Bit,
            JPEGLSNearLossless,
            DeflatedExplicitVRLittleEndian,
            ExplicitVRBigEndian,
            MPEG4HP41,
            MPEG2MPML,
        ),
    )
)

__all__ = ["Counts", "NothingStored", "Receiving", "RetrieveRefused", "Retrieved", "open_get"]


def open_get(
    peer: Peer,
    sop_classes: Collection[str],
    receiving: Receiving,
    *,
    syntaxes: Sequence[str] = (),
    heartbeat: Callable[[], None] | None = None,
) -> RetrieveAssociation:
    """An association on which these SOP Classes may be fetched, each in any transfer syntax.

    Args:
        peer: whom to call.
        sop_classes: of the instances that are wanted.
        receiving: where they go.
        syntaxes: in which they are known to be stored; proposed before the usual ones.
        heartbeat: as for every association.

    Raises:
        PeerError: as for every association, or the peer takes no C-GET.
    """
    model = [(MODEL, syntax) for syntax in IDENTIFIER_SYNTAXES]
    classes = list(dict.fromkeys(sop_classes))[: MAXIMUM_CONTEXTS - len(model)]
    each = max((MAXIMUM_CONTEXTS - len(model)) // max(len(classes), 1), 1)
    proposed = list(dict.fromkeys((*syntaxes, *SYNTAXES)))[:each]
    assoc = RetrieveAssociation(
        peer,
        [*model, *((sop_class, syntax) for sop_class in classes for syntax in proposed)],
        roles=dict.fromkeys(classes, Role(is_scu=False, is_scp=True)),
        receiving=receiving,
        heartbeat=heartbeat,
    )
    if not any((MODEL, syntax) in assoc.contexts for syntax in IDENTIFIER_SYNTAXES):
        assoc.release()
        raise PeerError(f"{peer} takes no C-GET: set its source to C-MOVE")
    return assoc
