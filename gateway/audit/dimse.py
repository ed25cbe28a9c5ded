"""What devices search and retrieve, on record: said where their requests reach the services (gateway.dimse)."""

from collections.abc import Iterable

from pydicom.datadict import keyword_for_tag

from dicomnet.audit import Action, ActorKind, Entry, note
from dicomnet.find import FindRequest
from dicomnet.retrieval import RetrieveRefused, RetrieveRequest
from gateway.audit.accesses import QUERY_SECONDS
from studies.errors import InvalidQuery
from studies.lately import Lately
from studies.query.received import read_identifier
from studies.retrieve_keys import PATIENT_ID, STUDY_UID, parse_keys

STUDIES_NAMED = 100  # by one request; of more the number is on record
_queries = Lately(QUERY_SECONDS)


def note_query(request: FindRequest) -> None:
    """A C-FIND: by which keys, with the Patient ID and study asked for; the same again within minutes is one."""
    asked_by = (request.calling_ae_title, request.source_address, request.called_ae_title)
    if not _queries.is_new(hash((asked_by, request.sop_class_uid, request.identifier))):
        return
    try:
        values = read_identifier(request).values
    except InvalidQuery:
        values = {}
    note(
        Entry(
            Action.QUERIED,
            actor=request.calling_ae_title,
            actor_kind=ActorKind.DEVICE,
            address=request.source_address,
            patient_id=values.get(PATIENT_ID, "").strip(" \0"),
            study_instance_uid=_single(values.get(STUDY_UID, "").strip(" \0").split("\\")),
            subject=f"C-FIND to {request.called_ae_title}",
            detail={"keys": sorted(_name(tag) for tag, value in values.items() if value)[:50]},
        )
    )


def note_retrieval(request: RetrieveRequest, called_ae_title: str, count: int) -> None:
    """A C-GET or C-MOVE that is answered, for each study that it names.

    Args:
        request: as it came.
        called_ae_title: of the archive or federation.
        count: instances that it names, in all of its studies.
    """
    try:
        named = parse_keys(request.identifier, request.root, is_relational=request.is_relational).named
    except RetrieveRefused:
        return
    uids = named.get(STUDY_UID, ())
    note(
        *(
            Entry(
                Action.SENT,
                actor=request.calling_ae_title,
                actor_kind=ActorKind.DEVICE,
                address=request.source_address,
                patient_id=_single(named.get(PATIENT_ID, ())),
                study_instance_uid=uid,
                subject=f"retrieved by DICOM from {called_ae_title}",
                number=count if len(uids) < 2 else 0,
                detail={"studies": len(uids), "instances": count} if len(uids) > 1 else {},
            )
            for uid in (uids[:STUDIES_NAMED] or [""])
        )
    )


def _single(values: Iterable[str]) -> str:
    """The only value, where there is one."""
    found = list(values)
    return found[0] if len(found) == 1 else ""


def _name(tag: int) -> str:
    return keyword_for_tag(tag) or f"{tag:08X}"
