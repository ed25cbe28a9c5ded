"""Destinations by the API."""

from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from dicomnet.web.secrets import unseal
from routing.models import Destination
from tests.api_clients import V1, client_of
from tests.factories import DestinationFactory, UserFactory
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


STOW = {"name": "Cloud", "kind": "stow", "url": "https://cloud.example/dicom-web"}
FOLDER = {"name": "Share", "kind": "folder", "path": "/mnt/share/dicom"}
S3 = {"name": "Bucket", "kind": "s3", "bucket": "images", "username": "AKIA", "secret": "geheim"}
LEAST: dict[str, dict[str, Any]] = {"dicom": NEW, "stow": STOW, "folder": FOLDER, "s3": S3}


class TestKinds:
    @pytest.mark.parametrize("kind", LEAST)
    def test_the_least_that_each_takes(self, client: APIClient, kind: str) -> None:
        response = client.post(f"{V1}/destinations", LEAST[kind], format="json")
        assert response.status_code == 201, response.json()
        assert response.json()["kind"] == kind

    @pytest.mark.parametrize(
        ("kind", "field"),
        [
            ("dicom", "ae_title"),
            ("dicom", "host"),
            ("dicom", "port"),
            ("stow", "url"),
            ("folder", "path"),
            ("s3", "bucket"),
            ("s3", "username"),
            ("s3", "secret"),
        ],
    )
    def test_what_each_needs(self, client: APIClient, kind: str, field: str) -> None:
        given = {name: value for name, value in LEAST[kind].items() if name != field}
        response = client.post(f"{V1}/destinations", given, format="json")
        assert response.status_code == 400
        assert list(response.json()["errors"]) == [field]

    @pytest.mark.parametrize(
        ("kind", "given", "field"),
        [
            ("dicom", {"secret": "x"}, "secret"),
            ("dicom", {"path": "/x"}, "path"),
            ("dicom", {"host": "127.1"}, "host"),
            ("dicom", {"host": "169.254.169.254"}, "host"),
            ("dicom", {"host": "http://pacs"}, "host"),
            ("stow", {"ae_title": "PACS"}, "ae_title"),
            ("stow", {"host": "pacs"}, "host"),
            ("stow", {"url": "http://8.8.8.8/"}, "url"),
            ("stow", {"url": "ftp://pacs.example/"}, "url"),
            ("stow", {"url": "https://me:word@pacs.example/"}, "url"),
            ("stow", {"authentication": "basic", "secret": "x"}, "username"),
            ("stow", {"authentication": "basic", "username": "a:b", "secret": "x"}, "username"),
            ("stow", {"authentication": "basic", "username": "a"}, "secret"),
            ("stow", {"authentication": "bearer"}, "secret"),
            ("stow", {"authentication": "bearer", "secret": "a\r\nX-Evil: 1"}, "secret"),
            ("stow", {"authentication": "bearer", "secret": "x" * 1500}, "secret"),
            ("stow", {"authentication": "magic"}, "authentication"),
            ("stow", {"authentication": "certificate"}, "authentication"),
            ("stow", {"secret": "x"}, "secret"),
            ("stow", {"username": "x"}, "username"),
            ("stow", {"proof": "commitment"}, "proof"),
            ("folder", {"path": "dicom"}, "path"),
            ("folder", {"path": "/mnt/../etc"}, "path"),
            ("folder", {"path": "/"}, "path"),
            ("folder", {"path": "/etc/gantry"}, "path"),
            ("folder", {"proof": "query"}, "proof"),
            ("folder", {"url": "https://pacs.example"}, "url"),
            ("s3", {"bucket": "Images"}, "bucket"),
            ("s3", {"bucket": "a/b"}, "bucket"),
            ("s3", {"path": "/ct"}, "path"),
            ("s3", {"path": "a/../b"}, "path"),
            ("s3", {"region": "eu central"}, "region"),
            ("s3", {"region": "evil.example/"}, "region"),
            ("s3", {"url": "http://169.254.169.254"}, "url"),
            ("s3", {"authentication": "basic"}, "authentication"),
            ("dicom", {"window_begins_at": "20:00"}, "window_ends_at"),
            ("dicom", {"maximum_associations": 17}, "maximum_associations"),
            ("dicom", {"batch_size": 0}, "batch_size"),
            ("dicom", {"has_secret": "x", "warning": "y"}, "warning"),
        ],
    )
    def test_what_each_does_not_take(self, client: APIClient, kind: str, given: dict[str, Any], field: str) -> None:
        response = client.post(f"{V1}/destinations", LEAST[kind] | given, format="json")
        assert response.status_code == 400
        assert list(response.json()["errors"]) == [field]
        assert not Destination.objects.exists()

    def test_the_whole_lane(self, client: APIClient) -> None:
        lane = {
            "maximum_associations": 4,
            "batch_size": 20,
            "maximum_bytes_per_second": 1_000_000,
            "window_begins_at": "20:00:00",
            "window_ends_at": "06:00:00",
            "proof": "commitment",
            "proof_after_minutes": 30,
        }
        made = client.post(f"{V1}/destinations", NEW | lane, format="json").json()
        assert made | lane == made

    @pytest.mark.parametrize("kind", LEAST)
    def test_what_was_got_can_be_sent_back(self, client: APIClient, kind: str) -> None:
        made = client.post(f"{V1}/destinations", LEAST[kind], format="json").json()
        path = f"{V1}/destinations/{made['id']}/"
        before = Destination.objects.get().secret

        got = client.get(path).json()
        put = client.put(path, got, format="json")

        assert put.json() == got
        assert Destination.objects.get().secret == before

    def test_plain_http_is_taken_with_a_warning(self, client: APIClient) -> None:
        made = client.post(f"{V1}/destinations", STOW | {"url": "http://10.1.2.3:8042"}, format="json").json()
        assert "can be read on the way" in made["warnings"][0]


class TestSecret:
    GIVEN = STOW | {"authentication": "basic", "username": "gantry", "secret": "Sesam öffne dich "}

    @pytest.fixture
    def path(self, client: APIClient) -> str:
        made = client.post(f"{V1}/destinations", self.GIVEN, format="json")
        assert "Sesam" not in made.content.decode()
        assert "secret" not in made.json()
        return f"{V1}/destinations/{made.json()['id']}"

    def opened(self) -> str:
        return unseal(Destination.objects.get().secret, place="https://cloud.example:443")

    def test_it_is_kept_encrypted_and_never_shown(self, client: APIClient, path: str) -> None:
        stored = Destination.objects.get().secret
        assert "Sesam" not in stored
        assert self.opened() == "Sesam öffne dich "
        for address in (path, f"{V1}/destinations"):
            answer = client.get(address).content.decode()
            assert stored not in answer
            assert '"has_secret":true' in answer

    def test_other_changes_keep_it(self, client: APIClient, path: str) -> None:
        for given in ({"comment": "x"}, {"secret": ""}, {"url": "https://CLOUD.example/other"}):
            assert client.patch(path, given, format="json").status_code == 200
            assert self.opened() == "Sesam öffne dich "

    @pytest.mark.parametrize("url", ["https://thief.example", "https://cloud.example:8443", "http://10.1.2.3"])
    def test_another_address_needs_it_again(self, client: APIClient, path: str, url: str) -> None:
        refused = client.patch(path, {"url": url}, format="json")
        assert refused.status_code == 400
        assert "entered for another address" in refused.json()["errors"]["secret"][0]
        assert client.patch(path, {"url": url, "secret": "new"}, format="json").status_code == 200

    def test_without_sign_in_it_is_thrown_away(self, client: APIClient, path: str) -> None:
        assert client.patch(path, {"authentication": "none", "username": ""}, format="json").status_code == 200
        assert Destination.objects.get().secret == ""

    def test_a_lost_key_asks_for_it_again(self, client: APIClient, path: str, settings: Settings) -> None:
        settings.GANTRY = replace(settings.GANTRY, encryption_keys=("another key of 32 characters or so",))
        refused = client.patch(path, {"comment": "x"}, format="json")
        assert "put that key back, or enter the password again" in str(refused.json()["errors"]["secret"])
        assert client.patch(path, {"secret": "new"}, format="json").status_code == 200

    def test_it_is_not_in_the_admin(self, path: str) -> None:
        admin = UserFactory.create(role="administrator")
        browser = Client()
        browser.force_login(admin)
        html = browser.get(f"/admin/routing/destination/{Destination.objects.get().pk}/change/").content.decode()
        assert "https://cloud.example/dicom-web" in html
        assert Destination.objects.get().secret not in html
        assert 'name="secret"' not in html
