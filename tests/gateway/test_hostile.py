"""Hostile identifiers in every page, table, answer and log line: nothing is executed, and nothing is changed."""

import csv
import io
import json
import logging
import re
from collections.abc import Iterable
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.test import Client

from dicomnet.audit import Action, ActorKind, Entry
from gateway.audit.models import AuditRecord
from gateway.audit.record import record
from gateway.audit.verdict import verify_all
from gateway.env import Environment
from gateway.logging import JsonLines
from routing.models import Destination, Rule
from studies.csv_lines import as_it_was, safe_cell
from studies.models import Study, StudyLabel
from tests.api_clients import V1, client_of
from tests.factories import (
    BackTestFactory,
    DeliveryFactory,
    DestinationFactory,
    RuleFactory,
    StudyFactory,
    TierChangeFactory,
    UnreadableFileFactory,
)
from tests.gateway.api.operations import description, existing
from tests.gateway.portal.conftest import administrator, empty_journal
from tests.gateway.portal.pages import Rows, make_rows
from tests.hostile import LONG, REFUSED, TEXTS, WORST

__all__ = ["administrator", "empty_journal"]
pytestmark = pytest.mark.django_db
OURS = ("dicomnet", "studies", "routing", "tiering", "spanner", "gateway")
# Not text of devices or people: identifiers that addresses and joins are made of, digests, words of ours.
NO_TEXT = re.compile(
    r"uid|sha256|token|hash|previous|secret|password|prefix|^id$|^key$|key_id|location|commit$|url|host|path|network"
    r"|endpoint|bucket|^attribute$|^state$|^level$|^door$|^kind$|modalities_in_study|username|region|address|version"
)
CALCULATED = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001


class Found(HTMLParser):
    """What of a page a browser would execute."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.executed: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        is_script = tag == "script" and "src" not in given and given.get("type") != "application/json"
        led = [value for name, value in given.items() if name in {"href", "src", "action", "formaction", "data"}]
        is_led = any(re.match(r"[\s\x00-\x20]*(javascript|data|vbscript):", value, re.IGNORECASE) for value in led)
        if is_script or is_led or "srcdoc" in given or "style" in given or any(name.startswith("on") for name in given):
            self.executed.append(self.get_starttag_text() or tag)


def poison(text: str) -> set[str]:
    """Write a text into every column that holds some; returns which, as ``model.column``."""
    done = set()
    for model in apps.get_models():
        if not model.__module__.startswith(OURS) or issubclass(model, AuditRecord):
            continue
        for field in model._meta.concrete_fields:
            is_text = isinstance(field, models.CharField | models.TextField) and not field.choices
            if not is_text or field.primary_key or NO_TEXT.search(field.name):
                continue
            for row in model._default_manager.all()[:3]:
                unique = f"{row.pk}" if field.unique or field.name in {"name", "ae_title"} else ""
                value = text[: (field.max_length or 70_000) - len(unique)] + unique
                try:
                    with transaction.atomic():
                        model._default_manager.filter(pk=row.pk).update(**{field.name: value})
                    done.add(f"{model._meta.label_lower}.{field.name}")
                except IntegrityError:  # the database itself does not take it
                    continue
    return done


def looked_at(client: Client, rows: Rows) -> dict[str, str]:
    """Every page with its HTML."""
    found = {}
    rows.study.refresh_from_db()
    for name, address in rows.addresses().items():
        path, _, _ = address.partition("?patient_id=")
        query = {"patient_id": rows.study.patient_id} if path != address else None
        answer = client.get(path, query)
        assert answer.status_code == 200, name
        found[name] = answer.content.decode()
    return found


@pytest.mark.embedded
@pytest.mark.parametrize("text", WORST)
def test_no_page_executes_what_it_shows(text: str, administrator: Client) -> None:
    rows = make_rows()
    UnreadableFileFactory.create()
    StudyLabel.objects.create(study=rows.study, label="x", given_by="x")
    Rule.objects.update(conditions=[{"attribute": "PatientName", "operator": "equals", "value": text}])
    columns = poison(text)

    pages = looked_at(administrator, rows)

    assert {
        *(f"studies.study.{name}" for name in ("patient_name", "patient_id", "study_description", "calling_ae_title")),
        *(f"routing.destination.{name}" for name in ("name", "comment")),
        *(f"routing.rule.{name}" for name in ("name", "comment")),
        *("studies.studylabel.label", "studies.unreadablefile.name", "spanner.source.name", "tiering.location.name"),
        *("nodes.systemevent.words", "routing.delivery.last_error", "dicomnet.remotenode.comment"),
    } <= columns
    assert {name: found for name, html in pages.items() if (found := Found(html).executed)} == {}
    shown = {name for name, html in pages.items() if text[:40] in unescape(html)}
    assert {"study", "studies", "rule", "rules", "destinations", "destination-form", "deliveries", "odd"} <= shown


def test_every_text_is_shown_as_it_is(administrator: Client) -> None:
    for text in TEXTS:
        StudyFactory.create(study_description=text[:64], patient_name=text[:64], patient_id=text[:64])
        DestinationFactory.create(comment=text)

    shown = ""
    for address in ("/studies/", *(f"/studies/?page={number}" for number in range(2, 9)), "/destinations/"):
        answer = administrator.get(address)
        shown += unescape(answer.content.decode())
        assert Found(answer.content.decode()).executed == []

    assert [text for text in TEXTS if text[:64] not in shown] == []


def cells(content: bytes) -> list[list[str]]:
    """The lines of a table but its header; no cell of it is calculated."""
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))[1:]
    assert [cell for row in rows for cell in row if cell.startswith(CALCULATED)] == []
    return [[as_it_was(cell) for cell in row] for row in rows]


def content_of(answer: Any) -> bytes:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)


def test_every_text_comes_back_from_every_table(administrator: Client, home: Environment) -> None:
    studies = {}
    for text in TEXTS:
        short = text[:64]
        study = StudyFactory.create(patient_id=short, patient_name=short, study_description=short)
        StudyLabel.objects.create(study=study, label=short, given_by="x")
        TierChangeFactory.create(study=study, requested_by=short, policy_name=short)
        record(Entry(Action.ACCESSED, actor=short, actor_kind=ActorKind.DEVICE, patient_id=short, subject=short))
        studies[str(study)] = short
    back_test = BackTestFactory.create(matches=list(Study.objects.all()))
    delivery = DeliveryFactory.create(instance__series__study=study, has_failed=True)

    table = cells(content_of(administrator.post("/studies/batch/", {"action": "csv", "all": "1"})))
    assert {row[0]: (row[1], row[3], row[9], row[18]) for row in table} == {
        uid: (text, text, text, text) for uid, text in studies.items()
    }
    table = cells(content_of(administrator.get("/tiers/changes.csv")))
    assert {row[1]: tuple(row[4:6]) for row in table} == {uid: (text, text) for uid, text in studies.items()}
    table = cells(content_of(administrator.get(f"/rules/back-tests/{back_test.pk}/csv/?outcome=all")))
    assert {row[0]: set(studies.values()) & set(row) for row in table} == {uid: {text} for uid, text in studies.items()}
    table = cells(content_of(administrator.get("/audit/audit.csv?action=accessed")))
    assert {text for text in studies.values() if sum(row.count(text) >= 3 for row in table)} == set(studies.values())
    for text in TEXTS:
        Destination.objects.filter(pk=delivery.destination_id).update(name=text[:64])
        (row,) = cells(content_of(administrator.get(f"/studies/{study}/receipt.csv")))
        assert text[:64] in row


def test_a_cell_gives_back_every_text() -> None:
    for text in [*TEXTS, *LONG, "", "'", "''", "'a", "-", "' '=", "\0=1"]:
        assert as_it_was(safe_cell(text)) == text
        assert not safe_cell(text).lstrip(" \N{NO-BREAK SPACE}").startswith(CALCULATED)


def test_every_text_comes_back_from_the_api() -> None:
    client: Any = client_of("administrator")
    for text in TEXTS:
        study = StudyFactory.create(patient_id=text[:64], patient_name=text[:64], study_description=text[:64])
        RuleFactory.create(comment=text, conditions=[{"attribute": "PatientID", "operator": "equals", "value": text}])
        DeliveryFactory.create(instance__series__study=study, has_failed=True, last_error=text)

    for name, fields in (
        ("studies", ("patient_id", "patient_name", "study_description")),
        ("rules", ("comment",)),
        ("deliveries", ("last_error",)),
    ):
        rows = client.get(f"{V1}/{name}", {"page_size": 200}).json()["results"]
        for field in fields:
            assert {row[field] for row in rows} - {""} == {text[:64] if name == "studies" else text for text in TEXTS}
        if name == "rules":
            assert {row["conditions"][0]["value"] for row in rows} == {"CT", *TEXTS}
    for text in TEXTS:
        found = client.get(f"{V1}/studies", {"patient_id": text[:64], "page_size": 200})
        assert found.status_code == 200
        assert text.strip() == "" or found.json()["count"] >= 1, text


def test_what_is_saved_by_the_api_is_what_was_sent() -> None:
    client: Any = client_of("administrator")
    given = {"kind": "dicom", "ae_title": "A", "host": "127.0.0.1", "port": 104}
    for number, text in enumerate(TEXTS):
        answer = client.post(f"{V1}/destinations", given | {"name": f"D{number}", "comment": text}, format="json")
        assert answer.status_code == 201, (text, answer.json())
    rows = client.get(f"{V1}/destinations", {"page_size": 200}).json()["results"]
    assert {row["name"]: row["comment"] for row in rows} == {f"D{n}": text.strip() for n, text in enumerate(TEXTS)}
    for text in REFUSED:
        answer = client.post(f"{V1}/destinations", given | {"name": f"D{text}"}, format="json")
        assert answer.status_code == 400
        assert "name" in answer.json()["errors"]


def test_the_audit_trail_keeps_every_text_and_stays_whole(home: Environment) -> None:
    for text in [*TEXTS, *LONG, *REFUSED]:
        record(Entry(Action.ACCESSED, actor=text, patient_id=text, subject=text, detail={"said": text}))

    rows = AuditRecord.objects.filter(action=Action.ACCESSED).order_by("pk")
    assert verify_all(by="test").faults == 0
    kept = [(row.subject, json.loads(row.detail)["said"]) for row in rows[: len(TEXTS)]]
    longest = AuditRecord._meta.get_field("subject").max_length
    assert kept == [(text[:longest], text) for text in TEXTS]


def test_every_text_is_one_line_of_the_log() -> None:
    for text in [*TEXTS, *LONG, *REFUSED, "\ud800"]:
        entry = logging.makeLogRecord({"msg": "refused %s", "args": (text,), "calling_ae_title": text})
        line = JsonLines().format(entry)
        assert line.isascii()
        assert line.isprintable()
        assert json.loads(line)["calling_ae_title"] == text
        assert json.loads(line)["event"] == f"refused {text}"


def parameters() -> Iterable[tuple[str, str]]:
    """Every parameter that is text, of every operation that reads."""
    for path, operations in description()["paths"].items():
        for parameter in operations.get("get", {}).get("parameters", ()):
            if parameter["in"] == "query" and parameter["schema"].get("type") in {"string", "array"}:
                yield path, parameter["name"]


def test_no_filter_passes_on_what_no_database_takes() -> None:
    client: Any = client_of("administrator")
    make_rows()
    failed = {}
    known: dict[str, dict[str, Any]] = {}
    for path, name in parameters():
        values = known[path] if path in known else known.setdefault(path, existing(path, client))
        for text in (*REFUSED, "\udcff", "9" * 400) if values or "{" not in path else ():
            answer = client.get(f"{path.format(**values)}?{name}={quoted(text)}")
            if answer.status_code >= 500 and answer.status_code != 503:
                failed[path, name] = text
    assert failed == {}


def quoted(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogateescape"))
