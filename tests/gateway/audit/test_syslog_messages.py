"""Audit messages: each act as its event of PS3.15 A.5.3, valid by the schema whatever a device or a person typed."""

import random
from datetime import UTC, datetime
from xml.etree.ElementTree import Element

import pytest

from dicomnet.audit import Action, ActorKind
from gateway.audit.models import AuditRecord
from gateway.audit.syslog.events import message_of
from gateway.audit.syslog.frame import BOM, framed
from gateway.audit.syslog.message import as_xml
from tests.gateway.audit.receiver import unframed
from tests.gateway.audit.schema import details, valid

HOSTILE = [
    "",
    "\0",
    "]]>",
    "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
    "a\ud800b",
    "\x1b[2J\x9b",
    "\r\n<85>1 - forged",
    "\ufffe\uffff",
    "\"&'<>",
    "\u202eabc",
    "😀" * 50,
    "\t x ",
    "\x7f\x85\u2028",
]


def row(action: str = Action.ACCESSED, **values: object) -> AuditRecord:
    given = {
        "chain_id": 3,
        "sequence": 4711,
        "at": datetime(2026, 11, 28, 10, 15, 0, 123456, UTC),
        "action": action,
        "actor": "ada",
        "actor_kind": ActorKind.PERSON,
        "address": "10.1.2.3",
        "patient_id": "PAT1",
        "study_instance_uid": "1.2.3",
        "subject": "by MODALITY",
        "number": 12,
        "hash": "f" * 64,
    }
    return AuditRecord(**given | values)


def told(action: str = Action.ACCESSED, **values: object) -> Element:
    return valid(as_xml(message_of(row(action, **values))))


def codes(root: Element, name: str) -> list[str]:
    return [each.attrib["csd-code"] for each in root.iter(name)]


@pytest.mark.parametrize(
    ("action", "event", "event_types", "code", "outcome"),
    [
        (Action.SIGNED_IN, "110114", ["110122"], "E", "0"),
        (Action.SIGN_IN_FAILED, "110114", ["110122"], "E", "4"),
        (Action.SIGNED_OUT, "110114", ["110123"], "E", "0"),
        (Action.REFUSED, "110113", ["110132"], "E", "4"),
        (Action.CREATED, "110113", ["110131"], "E", "0"),
        (Action.CHANGED, "110113", ["110131"], "E", "0"),
        (Action.REMOVED, "110113", ["110131"], "E", "0"),
        (Action.ACCESSED, "110103", [], "R", "0"),
        (Action.EXPORTED, "110106", [], "R", "0"),
        (Action.QUERIED, "110112", [], "E", "0"),
        (Action.RECEIVED, "110104", [], "C", "0"),
        (Action.SENT, "110104", [], "R", "0"),
        (Action.DELETED, "110105", [], "D", "0"),
        (Action.AUDIT_USED, "110101", [], "R", "0"),
        (Action.AUDIT_EXPORTED, "110101", [], "R", "0"),
        (Action.AUDIT_VERIFIED, "110101", [], "R", "0"),
        (Action.AUDIT_ARCHIVED, "110101", [], "R", "0"),
    ],
    ids=lambda value: value.value if isinstance(value, Action) else None,
)
def test_each_act_is_its_event(action: Action, event: str, event_types: list[str], code: str, outcome: str) -> None:
    root = told(action)

    said = root.find("EventIdentification")
    assert said is not None
    assert codes(root, "EventID") == [event]
    assert codes(root, "EventTypeCode") == event_types
    assert (said.get("EventActionCode"), said.get("EventOutcomeIndicator")) == (code, outcome)
    assert said.get("EventDateTime") == "2026-11-28T10:15:00.123456Z"
    assert {each.get("UserID") for each in root.iter("ActiveParticipant")} >= {"ada"}


def test_every_act_has_its_event_and_any_kind_of_actor() -> None:
    for action in Action:
        for kind in ActorKind:
            told(action, actor_kind=kind, actor="Gantry" if kind == ActorKind.SYSTEM else "x")
    told("nonsense")  # of a row that somebody has tampered with


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ("user 3: grace", "110137"),
        ("API key abcd: robot", "110137"),
        ("allowlist entry 2: CT", "110129"),
        ("remote node 1: PACS", "110128"),
        ("destination 1: PACS", "110128"),
        ("rule 1: all", "110131"),
    ],
)
def test_what_was_set_says_which_alert(subject: str, code: str) -> None:
    root = told(Action.CHANGED, subject=subject)

    assert codes(root, "EventTypeCode") == [code]
    assert details(root)["Alert Description"] == f"Setting changed: {subject}"


def test_patient_study_and_number_of_instances() -> None:
    root = told(Action.RECEIVED, actor="CT1", actor_kind=ActorKind.DEVICE)

    named = {each.attrib["ParticipantObjectID"]: each for each in root.iter("ParticipantObjectIdentification")}
    assert codes(named["PAT1"], "ParticipantObjectIDTypeCode") == ["2"]
    assert codes(named["1.2.3"], "ParticipantObjectIDTypeCode") == ["110180"]
    assert [each.get("NumberOfInstances") for each in named["1.2.3"].iter("SOPClass")] == ["12"]
    source, destination = root.iter("ActiveParticipant")
    assert (codes(source, "RoleIDCode"), codes(destination, "RoleIDCode")) == (["110153"], ["110152"])
    assert (source.get("UserID"), source.get("NetworkAccessPointTypeCode")) == ("CT1", "2")


def test_a_record_has_a_name_by_which_a_repeated_one_is_known() -> None:
    root = told(detail='{"a":1}')

    assert "gantry-audit:3/4711" in {each.get("ParticipantObjectID") for each in root.iter()}
    assert details(root) == {"Subject": "by MODALITY", "Detail": '{"a":1}', "Hash": "f" * 64}


def test_hostile_texts_make_valid_messages() -> None:
    rng = random.Random(11)
    for action in Action:
        for _ in range(20):
            texts = ["actor", "address", "patient_id", "study_instance_uid", "subject", "detail"]
            content = as_xml(message_of(row(action, **{name: rng.choice(HOSTILE) for name in texts})))
            valid(content)
            assert not set(content) & (set(range(32)) | {0x7F})
            framing = framed(content, at="2026-11-28T10:15:00Z", host="a b\n", process="")
            assert unframed(framing) == [framing.partition(b" ")[2]]


def test_no_message_is_longer_than_every_receiver_takes() -> None:
    longest = {"actor": "😀" * 150, "patient_id": "😀" * 64, "subject": "😀" * 200, "detail": "😀" * 10_000}
    for action in Action:
        content = as_xml(message_of(row(action, study_instance_uid="&" * 64, address="&" * 64, **longest)))
        valid(content)
        assert len(framed(content, at="2026-11-28T10:15:00Z", host="h" * 64, process="p" * 16)) <= 32_768


def test_a_frame_is_a_header_and_the_message() -> None:
    (message,) = unframed(framed(b"<x/>", at="2026-11-28T10:15:00.1Z", host="north 1", process="GANTRY"))

    assert message == b"<85>1 2026-11-28T10:15:00.1Z north_1 gantry GANTRY DICOM+RFC3881 - " + BOM + b"<x/>"
