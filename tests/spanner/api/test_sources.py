"""Sources by the API: what each kind takes, secrets, where none may be, echoes and health."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from dicomnet.web.secrets import unseal
from spanner.models import Source, SourceKind, SourceMinute
from tests.api_clients import V1, client_of
from tests.http_peer import Reply, Request
from tests.peers import refused_port, storing_peer
from tests.spanner.archives import dicomweb_archive, dimse_archive, study

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Source]
PATH = f"{V1}/sources"
DIMSE = {"name": "North", "ae_title": "NORTH", "host": "north.example", "port": 104}
WEB = {"name": "South", "kind": "dicomweb", "url": "https://south.example/dicom-web"}
LOCAL = {"name": "Here", "kind": "local"}
LEAST: dict[str, dict[str, Any]] = {"dimse": DIMSE, "dicomweb": WEB, "local": LOCAL}
SIGNED_IN = WEB | {"authentication": "bearer", "secret": "geheim"}


@pytest.fixture
def client() -> APIClient:
    return client_of("administrator")


@pytest.mark.parametrize("kind", LEAST)
def test_the_least_that_each_takes(client: APIClient, kind: str) -> None:
    response = client.post(PATH, LEAST[kind], format="json")

    assert response.status_code == 201, response.json()
    assert response.json() | LEAST[kind] == response.json()
    assert response.json()["kind"] == kind


@pytest.mark.parametrize(
    ("kind", "field"), [("dimse", "ae_title"), ("dimse", "host"), ("dimse", "port"), ("dicomweb", "url")]
)
def test_what_each_needs(client: APIClient, kind: str, field: str) -> None:
    given = {name: value for name, value in LEAST[kind].items() if name != field}

    response = client.post(PATH, given, format="json")

    assert response.status_code == 400
    assert list(response.json()["errors"]) == [field]


@pytest.mark.parametrize(
    ("kind", "given", "field"),
    [
        ("dimse", {"name": ""}, "name"),
        ("dimse", {"kind": "pigeon"}, "kind"),
        ("dimse", {"url": "https://x.example"}, "url"),
        ("dimse", {"secret": "x"}, "secret"),
        ("dimse", {"port": 0}, "port"),
        ("dimse", {"ae_title": "A\\B"}, "ae_title"),
        ("dimse", {"timeout_seconds": 0}, "timeout_seconds"),
        ("dimse", {"max_concurrent": 65}, "max_concurrent"),
        ("dimse", {"patient_id_prefix": "N*"}, "patient_id_prefix"),
        ("dimse", {"open_til": None}, "open_til"),
        # Nobody gets at this machine's own services, a cloud's metadata, or nowhere, through a source.
        ("dimse", {"host": "169.254.169.254"}, "host"),
        ("dimse", {"host": "fe80::1"}, "host"),
        ("dimse", {"host": "0.0.0.0"}, "host"),  # noqa: S104
        ("dimse", {"host": "127.1"}, "host"),
        ("dimse", {"host": "http://pacs"}, "host"),
        ("dimse", {"host": "127.0.0.1", "port": 11112}, "host"),
        ("dimse", {"host": "localhost", "port": 8000}, "host"),
        ("dicomweb", {"host": "south"}, "host"),
        ("dicomweb", {"url": "ftp://south.example"}, "url"),
        ("dicomweb", {"url": "https://me:geheim@south.example/"}, "url"),
        ("dicomweb", {"url": "http://169.254.169.254/latest/meta-data"}, "url"),
        ("dicomweb", {"url": "http://127.0.0.1:8000/dicom-web"}, "url"),
        ("dicomweb", {"url": "http://[::ffff:127.0.0.1]:8000/dicom-web"}, "url"),
        ("dicomweb", {"url": "http://8.8.8.8/dicom-web"}, "url"),
        ("dicomweb", {"authentication": "basic", "secret": "x"}, "username"),
        ("dicomweb", {"authentication": "bearer"}, "secret"),
        ("dicomweb", {"secret": "x"}, "secret"),
        ("dicomweb", {"authentication": "bearer", "secret": "two\nlines"}, "secret"),
        ("local", {"host": "here"}, "host"),
        ("local", {"url": "https://here.example"}, "url"),
    ],
)
def test_what_a_source_does_not_take(client: APIClient, kind: str, given: dict[str, Any], field: str) -> None:
    response = client.post(PATH, LEAST[kind] | given, format="json")

    assert response.status_code == 400, response.json()
    assert list(response.json()["errors"]) == [field]
    assert not Source.objects.exists()


def test_what_was_got_can_be_sent_back(client: APIClient) -> None:
    path = f"{PATH}/{client.post(PATH, SIGNED_IN, format='json').json()['id']}"
    got = client.get(path).json()

    again = client.put(path, got, format="json").json()

    assert again | {"updated_at": got["updated_at"]} == got


class TestSecrets:
    def test_it_is_sealed_and_never_shown(self, client: APIClient) -> None:
        made = client.post(PATH, SIGNED_IN, format="json")

        assert "geheim" not in made.content.decode()
        assert made.json()["has_secret"] is True
        stored = Source.objects.get().secret
        assert "geheim" not in stored
        assert unseal(stored, place="https://south.example:443") == "geheim"
        assert "geheim" not in client.get(PATH).content.decode()

    def test_it_is_kept_when_none_is_entered(self, client: APIClient) -> None:
        path = f"{PATH}/{client.post(PATH, SIGNED_IN, format='json').json()['id']}"

        assert client.patch(path, {"comment": "x", "secret": ""}, format="json").status_code == 200
        moved = client.patch(path, {"url": "https://south.example/other"}, format="json")

        assert moved.status_code == 200  # the same origin
        assert unseal(Source.objects.get().secret, place="https://south.example:443") == "geheim"

    @pytest.mark.parametrize("url", ["https://thief.example/", "https://south.example:8443/", "http://10.0.0.1/"])
    def test_another_origin_does_not_get_it(self, client: APIClient, url: str) -> None:
        path = f"{PATH}/{client.post(PATH, SIGNED_IN, format='json').json()['id']}"

        refused = client.patch(path, {"url": url}, format="json")
        assert refused.status_code == 400
        assert "enter it again" in refused.json()["errors"]["secret"][0]
        assert Source.objects.get().url == SIGNED_IN["url"]

        assert client.patch(path, {"url": url, "secret": "neu"}, format="json").status_code == 200

    def test_another_way_to_sign_in_forgets_it(self, client: APIClient) -> None:
        path = f"{PATH}/{client.post(PATH, SIGNED_IN, format='json').json()['id']}"

        assert client.patch(path, {"authentication": "none"}, format="json").status_code == 200
        assert not Source.objects.get().secret


def test_a_changed_address_is_asked_at_once_and_other_changes_leave_its_health_alone(
    client: APIClient, dimse: Make
) -> None:
    until = timezone.now() + timedelta(seconds=60)
    source = dimse("North", 104, failures_in_a_row=4, open_until=until, last_error="gone")

    client.patch(f"{PATH}/{source.pk}", {"comment": "x"}, format="json")
    source.refresh_from_db()
    assert (source.failures_in_a_row, source.open_until, source.comment) == (4, until, "x")

    client.patch(f"{PATH}/{source.pk}", {"port": 105}, format="json")
    source.refresh_from_db()
    assert (source.failures_in_a_row, source.open_until, source.last_error) == (0, None, "")


class TestEcho:
    def test_a_dicom_source_that_answers(self, dimse: Make) -> None:
        with storing_peer() as peer:
            source = dimse("North", peer.port, failures_in_a_row=3)
            response = client_of("operator").post(f"{PATH}/{source.pk}/echo")

        assert response.status_code == 200
        assert response.json() | {"is_alive": True, "words": "0x0000 Success"} == response.json()
        assert response.json()["milliseconds"] > 0
        source.refresh_from_db()
        assert source.failures_in_a_row == 0  # it is asked again

    def test_a_dicom_source_that_only_searches(self, dimse: Make) -> None:
        with dimse_archive() as (port, _):
            response = client_of("operator").post(f"{PATH}/{dimse('North', port).pk}/echo/").json()

        assert response["is_alive"] is True
        assert "no echo" in response["words"]

    def test_nobody_there(self, dimse: Make, dicomweb: Make) -> None:
        for source in (dimse("North", refused_port()), dicomweb("South", f"http://127.0.0.1:{refused_port()}")):
            response = client_of("operator").post(f"{PATH}/{source.pk}/echo")

            assert response.status_code == 200
            assert response.json()["is_alive"] is False
            assert "nobody listens there" in response.json()["words"]

    def test_a_dicomweb_source(self, dicomweb: Make) -> None:
        with dicomweb_archive([study(1)]) as (url, archive):
            response = client_of("operator").post(f"{PATH}/{dicomweb('South', url).pk}/echo").json()

        assert (response["is_alive"], response["words"]) == (True, "It answers searches")
        assert len(archive.asked) == 1

    def test_a_redirect_is_not_followed(self, dicomweb: Make) -> None:
        asked: list[str] = []

        def answer(request: Request) -> Reply:
            asked.append(request.path)
            return Reply(302, b"", {"Location": "http://127.0.0.1:8000/"})

        with dicomweb_archive(answer=answer) as (url, _):
            response = client_of("operator").post(f"{PATH}/{dicomweb('South', url).pk}/echo").json()

        assert response["is_alive"] is False
        assert "redirects" in response["words"]
        assert len(asked) == 1

    def test_what_became_an_address_that_is_not_called(self, dimse: Make, settings: Settings) -> None:
        source = dimse("North", settings.GANTRY.dicom_bind[1])

        response = client_of("operator").post(f"{PATH}/{source.pk}/echo").json()

        assert response["is_alive"] is False
        assert "one of Gantry's own" in response["words"]

    def test_this_archive(self) -> None:
        source = Source.objects.create(name="Here", kind=SourceKind.LOCAL)

        response = client_of("operator").post(f"{PATH}/{source.pk}/echo").json()

        assert (response["is_alive"], response["words"]) == (True, "The database answers")


class TestHealth:
    @pytest.mark.parametrize(
        ("told", "state"),
        [
            ({}, "unknown"),
            ({"last_success_at": timezone.now()}, "ok"),
            ({"failures_in_a_row": 2}, "failing"),
            ({"failures_in_a_row": 3, "open_until": timezone.now()}, "open"),
            ({"is_enabled": False}, "off"),
        ],
    )
    def test_now(self, dimse: Make, told: dict[str, Any], state: str) -> None:
        source = dimse("North", 104, **told)

        response = client_of("viewer").get(f"{PATH}/{source.pk}/health")

        assert response.status_code == 200
        assert response.json()["state"] == state
        assert response.json()["breaker"]["is_open"] == (state == "open")
        assert response.json()["history"] == []

    def test_by_minutes_and_hours(self, dimse: Make) -> None:
        source = dimse("North", 104)
        hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
        now = timezone.now().replace(second=0, microsecond=0)
        for minute, asked, slowest in ((hour, 2, 900), (hour + timedelta(minutes=5), 4, 70), (now, 1, 30)):
            SourceMinute.objects.create(
                source=source, minute=minute, asked=asked, milliseconds=60 * asked, slowest_milliseconds=slowest
            )
        SourceMinute.objects.create(source=source, minute=now - timedelta(days=8), asked=9)

        path = f"{PATH}/{source.pk}/health"
        minutes = client_of("viewer").get(path).json()["history"]
        hours = client_of("viewer").get(f"{path}?per=hour").json()["history"]

        assert [(one["asked"], one["mean_milliseconds"], one["slowest_milliseconds"]) for one in minutes] == [
            (1, 60.0, 30)
        ]
        assert [(one["asked"], one["mean_milliseconds"], one["slowest_milliseconds"]) for one in hours] == [
            (1, 60.0, 30),
            (6, 60.0, 900),
        ]
        assert client_of("viewer").get(f"{path}?per=year").status_code == 400
