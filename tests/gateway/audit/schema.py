"""What the schema of PS3.15 A.5.1 asks of a message, as tables: which children in which order, which attributes."""

import base64
import re
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, fromstring

TOKEN, BASE64 = ".*", "(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
CODED = {"csd-code": TOKEN, "codeSystemName": TOKEN, "originalText": TOKEN}
DATE_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"


@dataclass(frozen=True)
class Rule:
    """Children as a pattern over their names, each followed by a space; attributes by patterns of their values."""

    children: str = ""
    needs: dict[str, str] = field(default_factory=dict)
    may: dict[str, str] = field(default_factory=dict)
    text: str | None = None


CODE = Rule(needs=CODED, may={"displayName": TOKEN})
RULES = {
    "AuditMessage": Rule(
        "EventIdentification (ActiveParticipant )+AuditSourceIdentification (ParticipantObjectIdentification )*"
    ),
    "EventIdentification": Rule(
        "EventID (EventTypeCode )*(EventOutcomeDescription )?",
        {"EventDateTime": DATE_TIME, "EventOutcomeIndicator": "0|4|8|12"},
        {"EventActionCode": "[CRUDE]"},
    ),
    "EventID": CODE,
    "EventTypeCode": CODE,
    "EventOutcomeDescription": Rule(text=TOKEN),
    "ActiveParticipant": Rule(
        "(RoleIDCode )*(MediaIdentifier )?",
        {"UserID": TOKEN, "UserIsRequestor": "true|false|1|0"},
        {
            "AlternativeUserID": TOKEN,
            "UserName": TOKEN,
            "NetworkAccessPointID": TOKEN,
            "NetworkAccessPointTypeCode": "[1-5]",
        },
    ),
    "RoleIDCode": CODE,
    "MediaIdentifier": Rule("MediaType "),
    "MediaType": CODE,
    "AuditSourceIdentification": Rule(
        "(AuditSourceTypeCode )*", {"AuditSourceID": TOKEN}, {"AuditEnterpriseSiteID": TOKEN}
    ),
    "AuditSourceTypeCode": Rule(needs={"csd-code": "[1-9]"}),
    "ParticipantObjectIdentification": Rule(
        "ParticipantObjectIDTypeCode (ParticipantObjectName |ParticipantObjectQuery )(ParticipantObjectDetail )*"
        "(ParticipantObjectDescription )*",
        {"ParticipantObjectID": TOKEN},
        {
            "ParticipantObjectTypeCode": "[1-4]",
            "ParticipantObjectTypeCodeRole": "[1-9]|1[0-9]|2[0-6]",
            "ParticipantObjectDataLifeCycle": "[1-9]|1[0-5]",
            "ParticipantObjectSensitivity": TOKEN,
        },
    ),
    "ParticipantObjectIDTypeCode": CODE,
    "ParticipantObjectName": Rule(text=TOKEN),
    "ParticipantObjectQuery": Rule(text=BASE64),
    "ParticipantObjectDetail": Rule(needs={"type": TOKEN, "value": BASE64}),
    "ParticipantObjectDescription": Rule(
        "(MPPS )*(Accession )*(SOPClass )*(ParticipantObjectContainsStudy )?(Encrypted )?(Anonymized )?"
    ),
    "SOPClass": Rule("(Instance )*", {"NumberOfInstances": r"\d+"}, {"UID": TOKEN}),
}


def valid(content: bytes) -> Element:
    """The message, which must be as the schema says."""
    root = fromstring(content)  # noqa: S314 (of our own making)
    assert root.tag == "AuditMessage"
    for element in root.iter():
        _check(element)
    requestors = [each for each in root.iter("ActiveParticipant") if each.get("UserIsRequestor") == "true"]
    assert len(requestors) <= 1  # PS3.15 A.5.2
    return root


def details(root: Element) -> dict[str, str]:
    """What stands in base64, by its type."""
    found = root.iter("ParticipantObjectDetail")
    return {each.attrib["type"]: base64.b64decode(each.attrib["value"]).decode() for each in found}


def _check(element: Element) -> None:
    rule = RULES[element.tag]
    names = "".join(f"{child.tag} " for child in element)
    assert re.fullmatch(rule.children, names), (element.tag, names)
    assert set(rule.needs) <= set(element.attrib), (element.tag, element.attrib)
    for name, value in element.attrib.items():
        pattern = (rule.needs | rule.may)[name]
        assert re.fullmatch(pattern, value, re.DOTALL), (element.tag, name, value)
    text = element.text or ""
    assert re.fullmatch(rule.text or "", text, re.DOTALL), (element.tag, text)
