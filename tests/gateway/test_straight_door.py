"""Programs at DICOMweb go past what is for browsers, and are answered the same."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from prometheus_client import REGISTRY

from gateway.accounts.models import User
from tests.api_clients import key_client
from tests.factories import StudyFactory

pytestmark = pytest.mark.django_db
ACCEPT = {"Accept": "application/dicom+json"}
# Where the two ways differ by right: a page of the portal may show what it fetched, a program shows nothing.
OWN = {"Content-Security-Policy", "X-Frame-Options"}


def signed_in() -> Client:
    client = Client()
    client.force_login(User.objects.create_user("reader", role="viewer"))
    return client


def headers(response: Any) -> dict[str, str]:
    return {name: value for name, value in response.items() if name not in OWN}


@pytest.mark.parametrize(
    "address",
    [
        "studies",
        "studies?limit=1",
        "studies?nonsense=1",
        "studies/1.2.3/metadata",
        "nowhere",
        "studies/1.2.3/nowhere",
        "",
    ],
)
def test_a_program_is_answered_as_a_person_is(address: str) -> None:
    StudyFactory.create_batch(3)

    program = key_client("viewer").get(f"/dicom-web/{address}", headers=ACCEPT)
    person = signed_in().get(f"/dicom-web/{address}", headers=ACCEPT)

    assert (program.status_code, program.content) == (person.status_code, person.content)
    assert headers(program) == headers(person)


def test_a_program_gets_no_session_and_may_run_nothing() -> None:
    response = key_client("viewer").get("/dicom-web/studies", headers=ACCEPT)

    assert not response.cookies
    assert response["Content-Security-Policy"].startswith("default-src 'none'")


def test_a_wrong_key_beside_a_session_does_not_take_the_session() -> None:
    response = signed_in().get("/dicom-web/studies", headers={**ACCEPT, "Authorization": "Api-Key wrong.key"})

    assert response.status_code == 401


def test_a_session_with_another_authorization_still_needs_its_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("operator", role="operator"))

    response = client.post("/dicom-web/studies", b"", "application/dicom", HTTP_AUTHORIZATION="Basic eDp5")

    assert response.status_code == 403


def test_a_session_behind_a_proxy_with_an_authorization_of_its_own_is_a_session() -> None:
    response = signed_in().get("/dicom-web/studies", headers={**ACCEPT, "Authorization": "Basic eDp5"})

    assert response.status_code == 204


def test_a_resource_keeps_a_policy_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def sandboxed(_request: object) -> HttpResponse:
        return HttpResponse(headers={"Content-Security-Policy": "sandbox"})

    match = SimpleNamespace(func=sandboxed, args=(), kwargs={}, view_name="x")
    monkeypatch.setattr("gateway.straight_door.get_resolver", lambda _: SimpleNamespace(resolve=lambda _: match))

    response = key_client("viewer").get("/dicom-web/studies")

    assert response["Content-Security-Policy"] == "sandbox"


def test_programs_are_counted_by_resource() -> None:
    before = answered()

    key_client("viewer").get("/dicom-web/studies", headers=ACCEPT)

    assert answered() == before + 1


def answered() -> float:
    name = "django_http_responses_total_by_status_view_method_total"
    labels = {"status": "204", "view": "dicomweb-studies", "method": "GET"}
    return REGISTRY.get_sample_value(name, labels) or 0
