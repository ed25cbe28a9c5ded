"""Search, verdict, disclosures and files: for administrators alone, and true to whatever identifiers devices send."""

import csv
import json
import re
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from dicomnet.audit import Action, ActorKind, Entry
from gateway.accounts.models import Role
from gateway.audit.models import AuditRecord, Verification
from gateway.audit.record import record
from tests.api_clients import V1, client_of, key_client
from tests.factories import UserFactory
from tests.gateway.audit.conftest import add

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("trail")]

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "${jndi:ldap://x}",
    "{{7*7}}",
    "=HYPERLINK(1)",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "%0d%0aSet-Cookie: a=b",
    "'; DROP TABLE audit_auditrecord; --",
    "*?%_\\",
    "\u202ePAT",
    "a\tb",
    'a,"b',
    "Müller^Jürg",
    "x/../y",
]


@pytest.fixture
def ada(trail: None) -> Client:
    client = Client()
    client.force_login(UserFactory.create(username="ada", role=Role.ADMINISTRATOR))
    return client


def hostile() -> None:
    for number, text in enumerate(HOSTILE):
        record(
            Entry(
                Action.ACCESSED,
                actor=text,
                actor_kind=ActorKind.DEVICE,
                patient_id=text,
                study_instance_uid=f"1.2.{number}" if number % 2 else text[:64],
                subject=text,
                detail={text: [text]},
            )
        )


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_others_than_administrators_see_nothing(role: str) -> None:
    client: Any = client_of(role)
    for address in ("/audit/", "/audit/disclosures/", "/audit/audit.csv", "/audit/audit.json"):
        assert client.get(address).status_code == 403
    assert client.post("/audit/verify/").status_code == 403
    for address in ("audit", "audit/verify", "audit/csv", "audit/json"):
        assert client.get(f"{V1}/{address}").status_code == 403


def test_hostile_identifiers_come_back_as_they_are(ada: Client) -> None:
    hostile()

    html = ada.get("/audit/?action=accessed").content.decode()
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "{{7*7}}" in html

    lines = b"".join(ada.get("/audit/audit.csv?action=accessed")).decode()
    rows = list(csv.DictReader(StringIO(lines)))
    assert [re.sub("^'(?=[-=+@])", "", row["patient_id"]) for row in rows] == HOSTILE[::-1]
    assert not [cell for row in rows for cell in row.values() if cell and cell.lstrip(" ")[:1] in "=+-@\t\r"]

    whole = json.loads(b"".join(ada.get("/audit/audit.json?action=accessed")))
    assert [(row["actor"], row["patient_id"], row["detail"]) for row in whole] == [
        (text, text, {text: [text]}) for text in HOSTILE[::-1]
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_patient_is_found_whole(text: str, ada: Client) -> None:
    hostile()
    api: Any = client_of("administrator")

    by_id = api.get(f"{V1}/audit", {"patient_id": text, "action": "accessed"}).data["results"]
    by_text = api.get(f"{V1}/audit", {"q": text, "action": "accessed"}).data["results"]

    assert [row["patient_id"] for row in by_id] == [text]
    # Text is stripped at its ends, and details are compared as JSON writes them.
    assert text in [row["patient_id"] for row in by_text]
    if text == "*?%_\\":
        assert len(by_text) == 1  # no wildcard
    page = ada.get("/audit/disclosures/", {"patient_id": text})
    assert page.status_code == 200
    assert '<td class="number">1</td>' in page.content.decode()


def test_every_filter_narrows_and_what_makes_no_sense_is_refused() -> None:
    add(30)
    api: Any = client_of("administrator")

    def count(**given: str) -> int:
        answer = api.get(f"{V1}/audit", {"limit": "1000", "action": "accessed"} | given)
        assert answer.status_code == 200, answer.data
        return len(answer.data["results"])

    today = f"{AuditRecord.objects.first().at:%Y-%m-%d}"  # type: ignore[union-attr]
    assert count() == 30
    assert count(actor="person3") == 4
    assert count(patient_id="PAT1") == 6
    assert count(study_instance_uid="1.2.7") == 1
    assert count(q='"no":29') == 1
    assert count(q="ERSON3") == 4
    assert count(to="2020-01-01") == 0
    assert count(to=today) == 30
    assert count(**{"from": today}) == 30
    assert count(**{"from": f"{today}T23:59:59+14:00"}) in {0, 30}
    bad = [("actoin", "x"), ("action", "x"), ("from", "yesterday"), ("limit", "0"), ("before", "x"), ("limit", "9999")]
    for name, value in bad:
        assert api.get(f"{V1}/audit", {name: value}).status_code == 400, name
    assert api.get(f"{V1}/audit/csv", {"limit": "5"}).status_code == 400


def test_pages_follow_each_other_without_gap_while_more_comes_in() -> None:
    add(25)
    api: Any = key_client("administrator")
    seen: list[int] = []
    before = None
    for _ in range(10):
        given = {"limit": "7", "action": "accessed"} | ({"before": str(before)} if before else {})
        answer = api.get(f"{V1}/audit", given).data
        seen += [row["detail"]["no"] for row in answer["results"]]
        add(1, 100)
        before = answer["next"]
        if before is None:
            break

    assert [number for number in seen if number < 100] == list(range(24, -1, -1))


def test_the_verdict_by_api_and_by_page(ada: Client) -> None:
    add(5)
    api: Any = client_of("administrator")
    verdict = api.get(f"{V1}/audit/verify").data
    assert (verdict["is_intact"], verdict["faults"], verdict["findings"]) == (True, 0, [])
    assert verdict["records"] >= 5

    row = AuditRecord.objects.filter(action="accessed").first()
    assert row is not None
    AuditRecord.objects.filter(pk=row.pk).update(actor="nobody")
    assert api.get(f"{V1}/audit/verify").data["is_intact"] is False
    ada.post("/audit/verify/")

    html = ada.get("/audit/").content.decode()
    assert "1 fault" in html
    assert f"Record {row.chain_id}/{row.sequence}: it was changed" in html
    assert Verification.objects.count() == 3


def test_reading_and_exporting_the_trail_is_on_record(ada: Client) -> None:
    ada.get("/audit/?patient_id=P1")
    ada.get("/audit/disclosures/?patient_id=P2")
    list(ada.get("/audit/audit.csv?patient_id=P3&q=x"))
    api: Any = key_client("administrator")
    api.get(f"{V1}/audit", {"patient_id": "P4"})
    list(api.get(f"{V1}/audit/json"))

    rows = AuditRecord.objects.filter(action__startswith="audit-").order_by("pk")
    assert [(row.action, row.actor, row.patient_id) for row in rows] == [
        ("audit-used", "ada", "P1"),
        ("audit-used", "ada", "P2"),
        ("audit-exported", "ada", "P3"),
        ("audit-used", "test program", "P4"),
        ("audit-exported", "test program", ""),
    ]
    assert rows[2].detail == '{"filters":{"q":"x"}}'


def test_disclosures_leave_out_what_came_in(ada: Client) -> None:
    for action in (Action.RECEIVED, Action.SENT, Action.ACCESSED, Action.ACCESSED):
        record(Entry(action, actor=f"who {action.value}", patient_id="P1"))

    html = ada.get("/audit/disclosures/?patient_id=P1").content.decode()

    assert "who sent" in html
    assert "who received" not in html
    assert '<td class="number">2</td>' in html
    assert "Nobody, as far as is on record" in ada.get("/audit/disclosures/?patient_id=P9").content.decode()


def test_a_filter_that_makes_no_sense_is_told_on_the_page(ada: Client) -> None:
    html = ada.get("/audit/?from=yesterday").content.decode()

    assert "Give a day such as" in html
    assert ada.get("/audit/audit.csv?from=yesterday").status_code == 302
