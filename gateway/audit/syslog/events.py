"""Each record of the audit trail as an event of PS3.15 A.5.3: its codes, who took part, and what it was done to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.conf import settings

from dicomnet.audit import Action, ActorKind
from gateway.audit.actor import OURSELVES
from gateway.audit.canonical import moment
from gateway.audit.models import AuditRecord
from gateway.audit.syslog.message import Code, Message, Participant, ParticipantObject

# A receiver need not take messages above 32,768 octets (PS3.15 A.6), and base64 adds a third.
LONGEST_DETAIL = 6_000
SUCCESS, MINOR_FAILURE = "0", "4"
PERSON, SYSTEM_OBJECT = "1", "2"
PATIENT, REPORT, SECURITY_RESOURCE = "1", "3", "13"
SOURCE, DESTINATION = Code("110153", "Source Role ID"), Code("110152", "Destination Role ID")
MEDIA, BY_URI = Code("110154", "Destination Media"), Code("110037", "URI")
STUDY_UID, NODE_ID = Code("110180", "Study Instance UID"), Code("110182", "Node ID")
PATIENT_NUMBER = Code("2", "Patient Number", "RFC-3881")
SEARCH_CRITERIA, URI = Code("10", "Search Criteria", "RFC-3881"), Code("12", "URI", "RFC-3881")
LOGIN, LOGOUT = Code("110122", "Login"), Code("110123", "Logout")
RESTRICTED_FUNCTION = Code("110132", "Use of Restricted Function")
NETWORK_CONFIGURATION, SECURITY_CONFIGURATION = (
    Code("110128", "Network Configuration"),
    Code("110129", "Security Configuration"),
)
SOFTWARE_CONFIGURATION = Code("110131", "Software Configuration")
USER_ATTRIBUTES = Code("110137", "User Security Attributes Changed")
# What was set, by the beginning of a record's subject; all else is configuration of the software.
CONFIGURATION: Mapping[str, Code] = {
    "user": USER_ATTRIBUTES,
    "API key": USER_ATTRIBUTES,
    "allowlist entry": SECURITY_CONFIGURATION,
    "data key": SECURITY_CONFIGURATION,
    "remote node": NETWORK_CONFIGURATION,
    "destination": NETWORK_CONFIGURATION,
    "source": NETWORK_CONFIGURATION,
    "location": NETWORK_CONFIGURATION,
    "AI worker": NETWORK_CONFIGURATION,
}


def message_of(row: AuditRecord) -> Message:
    """The audit message that tells of a record."""
    kind = KINDS.get(row.action, _OTHER)
    return Message(
        event=kind.event,
        event_type=kind.event_type(row) if callable(kind.event_type) else kind.event_type,
        action=kind.action,
        outcome=kind.outcome,
        at=moment(row.at),
        source=settings.GANTRY.node_name,
        participants=kind.participants(row),
        objects=[*kind.objects(row), _record(row)],
    )


def _actor(row: AuditRecord, role: Code | None = None) -> Participant:
    return Participant(row.actor or "(nobody)", True, row.address, role)


def _gantry(role: Code | None = None, *, is_requestor: bool = False) -> Participant:
    return Participant(settings.GANTRY.ae_title, is_requestor, settings.GANTRY.node_name, role)


def _who(row: AuditRecord) -> list[Participant]:
    return [_gantry(is_requestor=True)] if row.actor_kind == ActorKind.SYSTEM else [_actor(row), _gantry()]


def _came_in(row: AuditRecord) -> list[Participant]:
    return [_actor(row, SOURCE), _gantry(DESTINATION)]


def _asked(row: AuditRecord) -> list[Participant]:
    """A query, by a device or a person."""
    return [_actor(row, SOURCE), _gantry(DESTINATION)]


def _went_out(row: AuditRecord) -> list[Participant]:
    """A device that retrieves is where it goes; of a delivery the subject says it."""
    if row.actor_kind == ActorKind.DEVICE:
        return [_gantry(SOURCE), _actor(row, DESTINATION)]
    by_itself = row.actor_kind == ActorKind.SYSTEM and row.actor == OURSELVES
    found = [_gantry(SOURCE, is_requestor=by_itself), Participant(row.subject, False, role=DESTINATION)]
    return found if by_itself else [*found, _actor(row)]


def _downloaded(row: AuditRecord) -> list[Participant]:
    taken_to = Participant(row.address or "(unknown)", False, role=MEDIA, media=BY_URI)
    return [_actor(row), _gantry(SOURCE), taken_to]


def _studies(row: AuditRecord) -> list[ParticipantObject]:
    found = []
    if row.study_instance_uid:
        instances = max(0, row.number)
        study = ParticipantObject(row.study_instance_uid, STUDY_UID, SYSTEM_OBJECT, REPORT, instances=instances)
        found.append(study)
    if row.patient_id:
        found.append(ParticipantObject(row.patient_id, PATIENT_NUMBER, PERSON, PATIENT))
    return found


def _search(row: AuditRecord) -> list[ParticipantObject]:
    """What was searched by, as far as it is on record: no value but a Patient ID is."""
    query = _short(row.detail)
    criteria = ParticipantObject(row.subject, SEARCH_CRITERIA, SYSTEM_OBJECT, REPORT, query=query.encode())
    return [criteria, *_studies(row)]


def _alert(row: AuditRecord) -> list[ParticipantObject]:
    node, words = settings.GANTRY.node_name, f"{dict(Action.choices).get(row.action, row.action)}: {row.subject}"
    details = {"Alert Description": words}
    return [ParticipantObject(node, NODE_ID, SYSTEM_OBJECT, SECURITY_RESOURCE, details=details), *_studies(row)]


def _audit_log(row: AuditRecord) -> list[ParticipantObject]:
    """The URI of the log (PS3.15 A.5.3.2)."""
    return [ParticipantObject("/audit/", URI, SYSTEM_OBJECT, SECURITY_RESOURCE, name="Security Audit Log")]


def _nothing(row: AuditRecord) -> list[ParticipantObject]:
    return []


def _record(row: AuditRecord) -> ParticipantObject:
    """The record itself, with all of it that has no place of its own: who gets one twice knows it by its name."""
    name = f"{row.chain_id}/{row.sequence}"
    details = {"Subject": row.subject, "Detail": _short(row.detail), "Hash": row.hash}
    return ParticipantObject(
        f"gantry-audit:{name}", URI, SYSTEM_OBJECT, SECURITY_RESOURCE, name=f"Audit record {name}", details=details
    )


def _short(text: str) -> str:
    """Text of which as much is told as a message has room for."""
    return text.encode("utf-8", "replace")[:LONGEST_DETAIL].decode(errors="ignore")


def _setting(row: AuditRecord) -> Code:
    found = (code for kind, code in CONFIGURATION.items() if row.subject.startswith(f"{kind} "))
    return next(found, SOFTWARE_CONFIGURATION)


@dataclass(frozen=True)
class Kind:
    """How the records of one act are told."""

    event: Code
    action: str
    participants: Callable[[AuditRecord], list[Participant]] = _who
    objects: Callable[[AuditRecord], list[ParticipantObject]] = _studies
    outcome: str = SUCCESS
    event_type: Code | Callable[[AuditRecord], Code] | None = None


_SIGN_IN, _ALERT = Code("110114", "User Authentication"), Code("110113", "Security Alert")
_LOG_USED = Code("110101", "Audit Log Used")
_TRANSFERRED = Code("110104", "DICOM Instances Transferred")
_OTHER = Kind(_ALERT, "E", objects=_alert, event_type=_setting)  # somebody has tampered with the row
KINDS: Mapping[str, Kind] = {
    Action.SIGNED_IN: Kind(_SIGN_IN, "E", objects=_nothing, event_type=LOGIN),
    Action.SIGN_IN_FAILED: Kind(_SIGN_IN, "E", objects=_nothing, outcome=MINOR_FAILURE, event_type=LOGIN),
    Action.SIGNED_OUT: Kind(_SIGN_IN, "E", objects=_nothing, event_type=LOGOUT),
    Action.REFUSED: Kind(_ALERT, "E", objects=_alert, outcome=MINOR_FAILURE, event_type=RESTRICTED_FUNCTION),
    Action.CREATED: Kind(_ALERT, "E", objects=_alert, event_type=_setting),
    Action.CHANGED: Kind(_ALERT, "E", objects=_alert, event_type=_setting),
    Action.REMOVED: Kind(_ALERT, "E", objects=_alert, event_type=_setting),
    Action.ACCESSED: Kind(Code("110103", "DICOM Instances Accessed"), "R"),
    Action.EXPORTED: Kind(Code("110106", "Export"), "R", participants=_downloaded),
    Action.QUERIED: Kind(Code("110112", "Query"), "E", participants=_asked, objects=_search),
    Action.RECEIVED: Kind(_TRANSFERRED, "C", participants=_came_in),
    Action.SENT: Kind(_TRANSFERRED, "R", participants=_went_out),
    Action.DELETED: Kind(Code("110105", "DICOM Study Deleted"), "D"),
    Action.AUDIT_USED: Kind(_LOG_USED, "R", objects=_audit_log),
    Action.AUDIT_EXPORTED: Kind(_LOG_USED, "R", objects=_audit_log),
    Action.AUDIT_VERIFIED: Kind(_LOG_USED, "R", objects=_audit_log),
    Action.AUDIT_ARCHIVED: Kind(_LOG_USED, "R", objects=_audit_log),
}
