"""An audit message as XML by the schema of PS3.15 A.5.1, whatever stands in the texts of a record."""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

# What XML 1.0 has no way to write, also not escaped, and what a terminal would obey.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
_PICTURES = 0x2400  # of NUL; those of the other controls follow in their order
DELETE, DELETE_PICTURE = 0x7F, "\u2421"
MACHINE_NAME, IP_ADDRESS = "1", "2"
APPLICATION_SERVER = "4"


@dataclass(frozen=True)
class Code:
    """A coded value: of DICOM, or of RFC 3881."""

    value: str
    meaning: str
    system: str = "DCM"


@dataclass(frozen=True)
class Participant:
    """Who took part (PS3.15 A.5.2.1 to A.5.2.4)."""

    user_id: str
    is_requestor: bool
    address: str = ""
    role: Code | None = None
    media: Code | None = None


@dataclass(frozen=True)
class ParticipantObject:
    """What it was done to.

    Attributes:
        kind: 1 a person, 2 a system object.
        role: by PS3.15 A.5.1.2.2.
        query: in place of a name, as the protocol had it.
        details: names and texts, which are written in base64.
        instances: how many a study has to do with it; 0: that is not known.
    """

    ident: str
    ident_type: Code
    kind: str
    role: str
    name: str = ""
    query: bytes | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    instances: int = 0


@dataclass(frozen=True)
class Message:
    """All of one message; ``at`` is in the form of xsd:dateTime, in UTC."""

    event: Code
    event_type: Code | None
    action: str
    outcome: str
    at: str
    source: str
    participants: Iterable[Participant]
    objects: Iterable[ParticipantObject]


def as_xml(message: Message) -> bytes:
    """The message in UTF-8, without a line break."""
    root = Element("AuditMessage")
    event = SubElement(
        root,
        "EventIdentification",
        EventActionCode=message.action,
        EventDateTime=message.at,
        EventOutcomeIndicator=message.outcome,
    )
    _coded(event, "EventID", message.event)
    if message.event_type is not None:
        _coded(event, "EventTypeCode", message.event_type)
    for participant in message.participants:
        _participant(root, participant)
    source = SubElement(root, "AuditSourceIdentification", AuditSourceID=legible(message.source))
    SubElement(source, "AuditSourceTypeCode", {"csd-code": APPLICATION_SERVER})
    for each in message.objects:
        _object(root, each)
    return bytes(tostring(root, encoding="utf-8"))


def legible(text: str) -> str:
    """Text with pictures in place of controls, and the replacement character for what is no character."""
    return _CONTROLS.sub(_picture, text)


def _picture(found: "re.Match[str]") -> str:
    code = ord(found[0])
    if code < ord(" "):
        return chr(_PICTURES + code)
    return DELETE_PICTURE if code == DELETE else "\N{REPLACEMENT CHARACTER}"


def _participant(root: Element, participant: Participant) -> None:
    given = {"UserID": legible(participant.user_id), "UserIsRequestor": str(participant.is_requestor).lower()}
    if participant.address:
        given["NetworkAccessPointID"] = legible(participant.address)
        given["NetworkAccessPointTypeCode"] = IP_ADDRESS if _is_ip(participant.address) else MACHINE_NAME
    element = SubElement(root, "ActiveParticipant", given)
    if participant.role is not None:
        _coded(element, "RoleIDCode", participant.role)
    if participant.media is not None:
        _coded(SubElement(element, "MediaIdentifier"), "MediaType", participant.media)


def _object(root: Element, each: ParticipantObject) -> None:
    given = {
        "ParticipantObjectID": legible(each.ident),
        "ParticipantObjectTypeCode": each.kind,
        "ParticipantObjectTypeCodeRole": each.role,
    }
    element = SubElement(root, "ParticipantObjectIdentification", given)
    _coded(element, "ParticipantObjectIDTypeCode", each.ident_type)
    if each.query is None:
        SubElement(element, "ParticipantObjectName").text = legible(each.name)
    else:
        SubElement(element, "ParticipantObjectQuery").text = base64.b64encode(each.query).decode()
    for name, text in each.details.items():
        value = base64.b64encode(text.encode("utf-8", "replace")).decode()
        SubElement(element, "ParticipantObjectDetail", type=name, value=value)
    if each.instances:
        description = SubElement(element, "ParticipantObjectDescription")
        SubElement(description, "SOPClass", NumberOfInstances=str(each.instances))


def _coded(parent: Element, name: str, code: Code) -> Any:
    given = {"csd-code": code.value, "codeSystemName": code.system, "originalText": code.meaning}
    return SubElement(parent, name, given)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
