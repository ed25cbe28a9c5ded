"""The configuration by API and page."""

import re
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gateway.audit.models import AuditRecord
from gateway.configuration.export import export
from gateway.configuration.models import ConfigSnapshot
from routing.models import Destination, Rule
from tests.api_clients import V1, client_of, key_client
from tests.gateway.configuration.whole import SECRET, make_whole, state
from tests.gateway.portal.conftest import administrator

__all__ = ["administrator"]
pytestmark = pytest.mark.django_db
IMPORT = "/system/configuration/import/"


def test_export_by_api() -> None:
    make_whole()
    client = client_of("administrator")

    answer = client.get(f"{V1}/config/export", headers={"Accept": "application/yaml"})

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/yaml; charset=utf-8"
    assert answer.content.decode() == export()
    assert client.get(f"{V1}/config/export?secrets=env").content.decode() == export(secrets="env")
    assert client.get(f"{V1}/config/export?secrets=plain").status_code == 400
    assert client.get(f"{V1}/config/export?format=json").status_code == 400
    assert AuditRecord.objects.filter(action="exported", subject="configuration").count() == 2


def test_import_and_rollback_by_api_with_a_key() -> None:
    make_whole()
    first = export()
    client = key_client("administrator")
    body = {"document": first.replace("host: 10.1.2.4", "host: pacs.example"), "reason": "moved", "dry_run": True}
    before = state()

    dry = client.post(f"{V1}/config/import", body, format="json").json()
    assert (dry["is_applied"], dry["summary"], dry["snapshot"]) == (False, "1 changed", None)
    assert dry["changes"][0]["fields"] == [{"name": "host", "old": "10.1.2.4", "new": "pacs.example"}]
    assert state() == before
    done = client.post(f"{V1}/config/import", body | {"dry_run": False}, format="json").json()
    assert done["is_applied"]
    assert Destination.objects.get(name="PACS 1").host == "pacs.example"
    [kept] = client.get(f"{V1}/config/snapshots").json()["results"]
    assert (kept["id"], kept["author_name"], kept["reason"]) == (done["snapshot"], "test program", "moved")
    whole = client.get(f"{V1}/config/snapshots/{kept['id']}").json()
    assert whole["document"] == first
    assert "sealed" not in whole
    back = client.post(f"{V1}/config/snapshots/{kept['id']}/rollback", {}, format="json").json()

    assert back["summary"] == "1 changed"
    assert export() == first


def test_a_bad_document_by_api_is_told_line_by_line() -> None:
    client = client_of("administrator")

    answer = client.post(f"{V1}/config/import", {"document": "version: 1\nrules: [{name: A, order: x}]"}, format="json")

    assert answer.status_code == 400
    assert answer.json()["errors"] == {"document": ["line 2, rules[1].order: A valid integer is required."]}


def uploaded(text: str) -> SimpleUploadedFile:
    return SimpleUploadedFile("gantry.yaml", text.encode())


def hidden(html: str) -> dict[str, str]:
    """What the form of the page carries along."""
    document = re.search(r'<textarea name="document" hidden>(.*?)</textarea>', html, re.DOTALL)
    agreed = re.search(r'name="agreed" value="([0-9a-f]*)"', html)
    return {
        "document": unescape(document[1]).replace("\n", "\r\n") if document else "",  # as browsers send it
        "agreed": agreed[1] if agreed else "",
        "name": "gantry.yaml",
    }


def test_on_the_page_one_sees_what_would_change_and_then_applies_it(administrator: Client) -> None:
    make_whole()
    text = export().replace("value: CT", "value: <b>MR</b>")
    before = state()

    looked = administrator.post(IMPORT, {"file": uploaded(text), "prune": "on"}).content.decode()
    assert "&lt;b&gt;MR&lt;/b&gt;" in looked
    assert state() == before
    again = administrator.post(IMPORT, hidden(looked) | {"reason": "try", "prune": "on", "apply": "yes"})

    assert again.headers["Location"] == "/system/configuration/"
    version = Rule.objects.get(name="CT to PACS").versions.get(number=2)
    assert (version.reason, version.author.username if version.author else "") == ("try", "administrator")
    page = administrator.get("/system/configuration/").content.decode()
    assert "Applied: 1 changed." in page
    assert "import of gantry.yaml" in page


def test_on_the_page_one_goes_back(administrator: Client) -> None:
    make_whole()
    first = export()
    looked = administrator.post(IMPORT, {"file": uploaded("version: 1\nrules: []"), "prune": "on"}).content.decode()
    administrator.post(IMPORT, hidden(looked) | {"prune": "on", "apply": "yes"})
    assert not Rule.objects.exists()
    page = f"/system/configuration/snapshots/{ConfigSnapshot.objects.get().pk}/"

    looked = administrator.get(page).content.decode()
    assert "2 added" in looked
    answer = administrator.post(page, {"agreed": hidden(looked)["agreed"], "apply": "yes"})

    assert answer.status_code == 302
    assert Rule.objects.count() == 2
    assert export() == first


def test_what_was_not_seen_is_not_applied(administrator: Client) -> None:
    make_whole()
    text = export().replace("host: 10.1.2.4", "host: pacs.example")
    looked = hidden(administrator.post(IMPORT, {"file": uploaded(text)}).content.decode())
    Destination.objects.filter(name="PACS 1").update(host="10.1.2.9")

    html = administrator.post(IMPORT, looked | {"apply": "yes"}).content.decode()

    assert "has changed since you looked" in html
    assert Destination.objects.get(name="PACS 1").host == "10.1.2.9"
    administrator.post(IMPORT, hidden(html) | {"apply": "yes"})
    assert Destination.objects.get(name="PACS 1").host == "pacs.example"


@pytest.mark.parametrize(
    ("given", "status", "words"),
    [
        ({}, 200, "Choose a file."),
        ({"file": uploaded("rules: [")}, 422, "This is no YAML"),
        ({"file": SimpleUploadedFile("a", b"\xff\xfe")}, 422, "not in UTF-8"),
        ({"file": uploaded("version: 1")}, 200, "Nothing would change"),
        ({"document": "version: 1\nrules: [{name: A}]", "apply": "yes"}, 200, "What would change"),
    ],
)
def test_on_the_page_what_makes_no_sense_is_told(
    given: dict[str, Any], status: int, words: str, administrator: Client
) -> None:
    answer = administrator.post(IMPORT, given)

    assert answer.status_code == status
    assert words in answer.content.decode()
    assert not Rule.objects.exists()


def test_the_page_gives_the_document_out(administrator: Client) -> None:
    make_whole()

    answer = administrator.get("/system/configuration/gantry.yaml?secrets=env")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="gantry.yaml"'
    assert "GANTRY_DEST_CLOUD_PASSWORD" in answer.content.decode()
    assert SECRET not in answer.content.decode()
