"""What Gantry claims to conform to, as data from the tables that the code itself works by (PS3.2 Annex A).

A SOP Class that is served, and a status that is answered, is in one of these tables or the statement cannot be made.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum

from pydicom.uid import UID
from pynetdicom import AllStoragePresentationContexts
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicomnet.commitment import PUSH_MODEL, ActionStatus, EventStatus
from dicomnet.contexts import ANSWER_SYNTAXES, IDENTIFIER_SYNTAXES, READABLE
from dicomnet.find import PATIENT_ROOT, PATIENT_STUDY_ONLY, STUDY_ROOT, FindStatus
from dicomnet.retrieval import RETRIEVE_CLASSES, RetrieveStatus, Root, Service
from dicomnet.scu.find import SYNTAXES
from dicomnet.statuses import StoreStatus

SHORT = frozenset(UID(syntax) for syntax in SYNTAXES)  # of messages that are no instances


@dataclass(frozen=True)
class SopClass:
    """One SOP Class and how it is used.

    Attributes:
        service: of which it is.
        as_scp: who may use it with Gantry as provider: the allowlist's right; empty: Gantry does not provide it.
        as_scu: on what occasion Gantry uses it; empty: never.
        syntaxes: that are accepted as provider.
        proposed: as user.
        extended: what can be negotiated besides.
    """

    uid: str
    service: str
    as_scp: str = ""
    as_scu: str = ""
    syntaxes: frozenset[UID] = READABLE
    proposed: frozenset[UID] = SHORT
    extended: str = ""

    @property
    def name(self) -> str:
        """As PS3.6 has it."""
        return UID(self.uid).name


def network_classes() -> Iterator[SopClass]:
    """Every SOP Class of a network service but storage, in the order of the services."""
    yield SopClass(str(Verification), "Verification", as_scp="Echo", as_scu="a person asks whether a node answers")
    yield SopClass(
        PUSH_MODEL,
        "Storage Commitment",
        as_scp="Commit",
        as_scu="a destination is to prove what it keeps",
        extended="SCP/SCU roles: reports are sent and taken on associations of their own",
    )
    for uid in (PATIENT_ROOT, STUDY_ROOT, PATIENT_STUDY_ONLY):
        yield SopClass(
            uid,
            "Query/Retrieve",
            as_scp="Find",
            as_scu=""
            if uid == PATIENT_STUDY_ONLY
            else "a destination is asked what it has, a source of a federation is searched",
            syntaxes=ANSWER_SYNTAXES,
            extended="relational queries, combined date-time matching, fuzzy matching of names",
        )
    for uid, known in RETRIEVE_CLASSES.items():
        yield SopClass(
            uid,
            "Query/Retrieve",
            as_scp="Get" if known.service is Service.GET else "Move",
            as_scu="a study is brought from another archive" if known.root is Root.STUDY else "",
            syntaxes=IDENTIFIER_SYNTAXES,
            extended="relational retrieval" if known.may_be_relational else "",
        )


def storage_classes() -> list[SopClass]:
    """The storage SOP Classes that have a name; every other class that no service claims is taken as one, too."""
    found = {str(context.abstract_syntax) for context in AllStoragePresentationContexts}
    classes = (
        SopClass(uid, "Storage", as_scp="Store", as_scu="deliveries, C-MOVE, C-GET, requests to AI workers")
        for uid in found
    )
    return sorted(classes, key=lambda sop_class: (sop_class.name, sop_class.uid))


STORE_MEANINGS: dict[IntEnum, str] = {
    StoreStatus.SUCCESS: "the instance is durable on the disk",
    StoreStatus.PROCESSING_FAILURE: "an error of Gantry's own",
    StoreStatus.NOT_AUTHORISED: "the allowlist does not let this caller store, or not this SOP Class",
    StoreStatus.OUT_OF_RESOURCES: "the disk is nearly full, failed, or is under suspicion",
    StoreStatus.DATA_SET_MISMATCH: "SOP Class or Instance UID differ from the request's",
    StoreStatus.CANNOT_UNDERSTAND: "a UID is missing or malformed, the data set is cut off or in another encoding",
}
FIND_MEANINGS: dict[IntEnum, str] = {
    FindStatus.SUCCESS: "all matches were sent",
    FindStatus.NOT_AUTHORISED: "the allowlist does not let this caller search",
    FindStatus.OUT_OF_RESOURCES: "more matches than the limit, of which so many were sent; or too long an identifier",
    FindStatus.IDENTIFIER_MISMATCH: "the identifier cannot be decoded, or a key is missing or not valid at this level",
    FindStatus.UNABLE_TO_PROCESS: "an error of Gantry's own, such as a database that is down; or a source of a "
    "federation is missing (3.5)",
    FindStatus.CANCELLED: "the caller cancelled",
    FindStatus.PENDING: "a match, all keys supported",
    FindStatus.PENDING_WITHOUT_SOME_KEYS: "a match; some keys are neither matched nor returned",
}
RETRIEVE_MEANINGS: dict[IntEnum, str] = {
    RetrieveStatus.SUCCESS: "every sub-operation succeeded, or nothing was found",
    RetrieveStatus.PROCESSING_FAILURE: "an error of Gantry's own, such as a database that is down",
    RetrieveStatus.CLASS_NOT_SUPPORTED: "the request's SOP Class is not that of its presentation context",
    RetrieveStatus.NOT_AUTHORISED: "the allowlist does not let this caller",
    RetrieveStatus.CANNOT_COUNT: "too many UIDs, too long an identifier, or a patient's studies are not known (3.5)",
    RetrieveStatus.CANNOT_PERFORM: "all sub-operations failed, or the Move Destination is busy",
    RetrieveStatus.DESTINATION_UNKNOWN: "the Move Destination is not known, not clear or not allowed (C-MOVE)",
    RetrieveStatus.IDENTIFIER_MISMATCH: "the identifier cannot be decoded, or a key is missing or no UID",
    RetrieveStatus.CANNOT_EXTRACT_FRAMES: "the level FRAME was asked for (Composite Instance Root)",
    RetrieveStatus.SOME_FAILED: "some sub-operations failed or had warnings",
    RetrieveStatus.CANCELLED: "the caller cancelled",
    RetrieveStatus.PENDING: "sub-operations go on",
}
ACTION_MEANINGS: dict[IntEnum, str] = {
    ActionStatus.SUCCESS: "the request is kept durably",
    ActionStatus.PROCESSING_FAILURE: "an error of Gantry's own, such as a database that is down",
    ActionStatus.NO_SUCH_INSTANCE: "not the well-known SOP Instance of the Push Model",
    ActionStatus.INVALID_ARGUMENT: "the Action Information lacks what it must hold",
    ActionStatus.NO_SUCH_ACTION: "the Action Type ID is not 1",
    ActionStatus.NOT_AUTHORISED: "the allowlist does not let this caller",
    ActionStatus.RESOURCE_LIMITATION: "too many references or open requests",
}
EVENT_MEANINGS: dict[IntEnum, str] = {
    EventStatus.SUCCESS: "the verdict is recorded",
    EventStatus.PROCESSING_FAILURE: "an error of Gantry's own",
    EventStatus.NO_SUCH_INSTANCE: "not the well-known SOP Instance of the Push Model",
    EventStatus.NO_SUCH_EVENT_TYPE: "the Event Type ID is neither 1 nor 2",
    EventStatus.INVALID_ARGUMENT: "no request has this Transaction UID, or the Event Information lacks something",
    EventStatus.RESOURCE_LIMITATION: "the report is too long",
}
# By service and operation: what is answered as provider.
STATUSES: Mapping[str, tuple[type[IntEnum], dict[IntEnum, str]]] = {
    "C-STORE": (StoreStatus, STORE_MEANINGS),
    "C-FIND": (FindStatus, FIND_MEANINGS),
    "C-GET and C-MOVE": (RetrieveStatus, RETRIEVE_MEANINGS),
    "N-ACTION of Storage Commitment": (ActionStatus, ACTION_MEANINGS),
    "N-EVENT-REPORT of Storage Commitment": (EventStatus, EVENT_MEANINGS),
}


def status_rows(service: str) -> Iterator[tuple[str, str]]:
    """Code and meaning of each status that is answered.

    Raises:
        KeyError: one has no meaning here.
    """
    statuses, meanings = STATUSES[service]
    for status in statuses:
        yield f"0x{status:04X}", meanings[status]
