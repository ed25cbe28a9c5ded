"""Destinations by the API."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from routing.models import Destination
from tests.api_clients import V1, client_of
from tests.factories import DestinationFactory
from tests.peers import refused_port, storing_peer

pytestmark = pytest.mark.django_db
NEW = {"name": "PACS", "ae_title": "PACS", "host": "pacs.example", "port": 104}


@pytest.fixture
def client() -> APIClient:
    return client_of("administrator")


def test_the_least_that_a_destination_takes(client: APIClient) -> None:
    response = client.post(
        f"{V1}/destinations", NEW | {"kind": "dicom", "tls": False, "is_enabled": True}, format="json"
    )

    assert response.status_code == 201
    assert response.json() | NEW == response.json()
    assert (response.json()["tls"], response.json()["is_enabled"]) == (False, True)


def test_a_destination_over_tls(client: APIClient) -> None:
    given = NEW | {"tls": True, "tls_server_name": "PACS_1"}

    made = client.post(f"{V1}/destinations", given, format="json")

    assert made.json() | given == made.json()
    assert Destination.objects.get().tls


def test_what_was_got_can_be_sent_back(client: APIClient) -> None:
    destination = DestinationFactory.create()
    path = f"{V1}/destinations/{destination.pk}/"

    got = client.get(path).json()

    assert client.put(path, got | {"port": 4242}, format="json").json() == got | {"port": 4242}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"port": 0}, "port"),
        ({"port": 65_536}, "port"),
        ({"ae_title": "SEVENTEEN LETTERS"}, "ae_title"),
        ({"ae_title": "A\\B"}, "ae_title"),
        ({"kind": "pigeon"}, "kind"),
        ({"tls": "perhaps"}, "tls"),
        ({"tls_server_name": "*.hospital"}, "tls_server_name"),
        ({"tls_server_name": "Röntgen"}, "tls_server_name"),
        ({"timeout_seconds": 0}, "timeout_seconds"),
        ({"url": "http://pacs.example"}, "url"),
        ({"lane_token": "x"}, "lane_token"),
    ],
)
def test_what_a_destination_does_not_take(client: APIClient, given: dict[str, Any], field: str) -> None:
    response = client.post(f"{V1}/destinations", NEW | given, format="json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]
    assert not Destination.objects.exists()


def test_a_name_is_given_once(client: APIClient) -> None:
    DestinationFactory.create(name="PACS")

    assert list(client.post(f"{V1}/destinations", NEW, format="json").json()["errors"]) == ["name"]


def test_one_without_deliveries_is_deleted(client: APIClient) -> None:
    assert client.delete(f"{V1}/destinations/{DestinationFactory.create().pk}").status_code == 204


def test_an_echo_that_is_answered() -> None:
    with storing_peer() as peer:
        destination = DestinationFactory.create(ae_title="PEER", port=peer.port)
        response = client_of("operator").post(f"{V1}/destinations/{destination.pk}/echo")

    assert response.status_code == 200
    assert response.json()["is_alive"] is True
    assert response.json()["milliseconds"] > 0
    assert response.json()["words"] == "0x0000 Success"


def test_an_echo_that_nobody_answers_is_an_answer_too() -> None:
    destination = DestinationFactory.create(port=refused_port())

    response = client_of("operator").post(f"{V1}/destinations/{destination.pk}/echo/")

    assert response.status_code == 200
    assert response.json()["is_alive"] is False
    assert "nobody listens there" in response.json()["words"]
