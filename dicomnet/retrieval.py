"""Retrieval in values: SOP Classes, what is asked, what is answered (PS3.4 C.4.2, C.4.3, Annex Y)."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Protocol

from pydicom.dataset import Dataset
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    CompositeInstanceRootRetrieveGet,
    CompositeInstanceRootRetrieveMove,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from dicomnet.scu.outgoing import Outgoing
from dicomnet.wire.peer import Peer

if TYPE_CHECKING:
    from dicomnet.allowlist import Rights  # whose models need Django's apps


class Service(Enum):
    """Which way instances go: over the association on which they were asked for, or to a third party."""

    GET = "C-GET"
    MOVE = "C-MOVE"


class Root(Enum):
    """Information models, by the level that an identifier begins with (PS3.4 C.6.1, C.6.2, Y.3)."""

    PATIENT = "Patient Root"
    STUDY = "Study Root"
    COMPOSITE = "Composite Instance Root"


@dataclass(frozen=True)
class RetrieveClass:
    """One SOP Class of retrieval."""

    service: Service
    root: Root

    @property
    def may_be_relational(self) -> bool:
        """Relational retrieval can be negotiated for it (PS3.4 C.5.2.1, C.5.3.1).

        Composite Instance Root has no level above that could be left out (PS3.4 Y.5).
        """
        return self.root is not Root.COMPOSITE

    def is_allowed(self, rights: "Rights") -> bool:
        """The allowlist lets a caller with these rights use it."""
        return rights.may_get if self.service is Service.GET else rights.may_move


RETRIEVE_CLASSES: dict[str, RetrieveClass] = {
    str(PatientRootQueryRetrieveInformationModelGet): RetrieveClass(Service.GET, Root.PATIENT),
    str(PatientRootQueryRetrieveInformationModelMove): RetrieveClass(Service.MOVE, Root.PATIENT),
    str(StudyRootQueryRetrieveInformationModelGet): RetrieveClass(Service.GET, Root.STUDY),
    str(StudyRootQueryRetrieveInformationModelMove): RetrieveClass(Service.MOVE, Root.STUDY),
    str(CompositeInstanceRootRetrieveGet): RetrieveClass(Service.GET, Root.COMPOSITE),
    str(CompositeInstanceRootRetrieveMove): RetrieveClass(Service.MOVE, Root.COMPOSITE),
}


class RetrieveStatus(IntEnum):
    """Statuses that Gantry answers to C-GET and C-MOVE requests (PS3.4 Tables C.4-2, C.4-3, Y.4-1; PS3.7 Annex C)."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    CLASS_NOT_SUPPORTED = 0x0122
    NOT_AUTHORISED = 0x0124
    CANNOT_COUNT = 0xA701
    CANNOT_PERFORM = 0xA702
    DESTINATION_UNKNOWN = 0xA801
    IDENTIFIER_MISMATCH = 0xA900
    CANNOT_EXTRACT_FRAMES = 0xAA02
    SOME_FAILED = 0xB000
    CANCELLED = 0xFE00
    PENDING = 0xFF00


class RetrieveRefused(Exception):
    """A request that is answered before any sub-operation.

    Attributes:
        status: of the response.
        offending_element: tag as an int for Offending Element (0000,0901); None when there is none.
    """

    def __init__(self, status: RetrieveStatus, comment: str, offending_element: int | None = None) -> None:
        super().__init__(comment)
        self.status = status
        self.offending_element = offending_element


def _always() -> bool:
    return True


@dataclass(frozen=True)
class RetrieveRequest:
    """What is asked for.

    Attributes:
        identifier: the request's data set; may be hostile.
        is_relational: relational retrieval was negotiated: keys of the levels above may be left out.
        is_wanted: to be asked about each second while the answer is made ready: it tells the caller that there is
            progress, and is False when the caller has cancelled; what it raises is to be let through.
    """

    root: Root
    identifier: Dataset
    is_relational: bool = False
    calling_ae_title: str = ""
    is_wanted: Callable[[], bool] = _always
    source_address: str = ""


@dataclass(frozen=True)
class Unavailable:
    """What is known and cannot be sent now; the reason goes to peers and holds no patient data.

    Attributes:
        sop_instance_uid: of the instance; empty where nobody here knows it, as of a study that is elsewhere.
    """

    sop_instance_uid: str
    reason: str


class Retrieval(Protocol):
    """The instances that a request names, as they were when it came.

    Attributes:
        level: Query/Retrieve Level of the request.
        uids: what was named at that level; empty at PATIENT.
        count: how many there are.
        contexts: the (SOP Class, transfer syntax) pairs that they are stored in.
    """

    level: str
    uids: tuple[str, ...]
    count: int
    contexts: frozenset[tuple[str, str]]

    def __iter__(self) -> Iterator[Outgoing | Unavailable]:
        """One after the other; may be iterated once."""


class MoveDestination(Protocol):
    """A place that C-MOVE may send to."""

    @property
    def peer(self) -> Peer:
        """Whom to call.

        Raises:
            PeerError: it cannot be called as it is configured.
        """

    def take_place(self) -> AbstractContextManager[None] | None:
        """One of the associations that it takes at once, held until the block ends; None while all are in use."""
