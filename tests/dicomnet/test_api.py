"""The allowlist by the API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from dicomnet.models import AllowlistEntry
from tests.api_clients import V1, client_of
from tests.factories import AllowlistEntryFactory

pytestmark = pytest.mark.django_db
NEW = {
    "calling_ae_title": "CT1",
    "network": "10.1.2.0/24",
    "called_ae_title": "GANTRY",
    "may_echo": True,
    "may_store": True,
    "may_find": False,
    "may_move": False,
    "may_get": False,
    "may_commit": False,
}


@pytest.fixture
def client() -> APIClient:
    return client_of("administrator")


def test_the_least_that_an_entry_takes(client: APIClient) -> None:
    response = client.post(f"{V1}/allowlist", NEW, format="json")

    assert response.status_code == 201
    assert response.json() | NEW == response.json()


def test_a_network_is_enough(client: APIClient) -> None:
    response = client.post(f"{V1}/allowlist/", {"network": "2001:db8::/32"}, format="json")

    expected = {"calling_ae_title": "*", "called_ae_title": "", "may_store": True, "may_find": False}
    assert response.json() | expected == response.json()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"network": "10.1.2.3/24"}, "network"),
        ({"network": "everywhere"}, "network"),
        ({"calling_ae_title": "A" * 17}, "calling_ae_title"),
        ({"called_ae_title": "A\\B"}, "called_ae_title"),
        ({"may_delete": True}, "may_delete"),
        ({"may_find": "perhaps"}, "may_find"),
        ({"requires_tls": "often"}, "requires_tls"),
        ({"certificates": "CT1"}, "certificates"),
        ({"certificates": ["ab:cd"]}, "certificates"),
        ({"certificates": [1.5, None]}, "certificates"),
        ({"sop_classes": ["CTImageStrage"]}, "sop_classes"),
        ({"sop_classes": {"CTImageStorage": True}}, "sop_classes"),
        ({"move_destinations": ["A\\B"]}, "move_destinations"),
        ({"move_destinations": None}, "move_destinations"),
    ],
)
def test_what_an_entry_does_not_take(client: APIClient, given: dict[str, Any], field: str) -> None:
    response = client.post(f"{V1}/allowlist", NEW | given, format="json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


def test_the_same_caller_has_one_entry(client: APIClient) -> None:
    AllowlistEntryFactory.create(**NEW)

    response = client.post(f"{V1}/allowlist", NEW, format="json")

    assert response.status_code == 400
    assert "already" in str(response.json()["errors"])
    assert AllowlistEntry.objects.count() == 1


def test_an_entry_is_changed_and_deleted(client: APIClient) -> None:
    path = f"{V1}/allowlist/{AllowlistEntryFactory.create().pk}"

    assert client.patch(path, {"may_get": True}, format="json").json()["may_get"] is True
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404


def test_restrictions_are_kept_in_one_form(client: APIClient) -> None:
    colons = ":".join(["A1"] * 32)
    given = {
        "requires_tls": True,
        "certificates": [f"sha256 Fingerprint={colons}", "ct1.hospital"],
        "sop_classes": ["CTImageStorage", "1.2.840.10008.5.1.4.1.1.2", "1.3.12.2.1107.5.9.1"],
        "move_destinations": ["PACS"],
    }
    kept = {
        "requires_tls": True,
        "certificates": ["a1" * 32, "ct1.hospital"],
        "sop_classes": ["1.2.840.10008.5.1.4.1.1.2", "1.3.12.2.1107.5.9.1"],
        "move_destinations": ["PACS"],
    }

    made = client.post(f"{V1}/allowlist", NEW | given, format="json")

    assert made.status_code == 201
    assert made.json() | kept == made.json()
    path = f"{V1}/allowlist/{made.json()['id']}"
    assert client.put(path, made.json(), format="json").json() == made.json()
    assert client.patch(path, {"may_find": True}, format="json").json() | kept == made.json() | {"may_find": True}
    assert client.patch(path, {"sop_classes": []}, format="json").json()["sop_classes"] == []


def test_without_restrictions_there_are_none(client: APIClient) -> None:
    made = client.post(f"{V1}/allowlist", NEW, format="json").json()

    expected = {"requires_tls": False, "certificates": [], "sop_classes": [], "move_destinations": []}
    assert made | expected == made
