"""What holds for every address, generated from the URL configuration, so that none is forgotten."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client
from django.urls import URLResolver, get_resolver
from rest_framework.test import APIClient

from gateway.api_urls import router
from tests.api_clients import V1, client_of
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
VALUES = {
    "study_instance_uid": "1.2.3",
    "series_instance_uid": "1.2.3.4",
    "sop_instance_uid": "1.2.3.4.5",
    "pk": "999999",
    "id": "abcdefgh",
    "prefix": "abcdefgh",
    "query_id": "0" * 32,
    "path": "app.js",
    "app_label": "studies",
    "content_type_id": "1",
    "object_id": "1",
}
# Asked by programs without a CSRF token: who asks stands in the header. That of a session the door checks itself.
BY_PROGRAMS = ("/api/", "/dicom-web/")
OPEN = {"/livez", "/readyz", "/metrics", "/sign-in/", "/sign-in/code/", "/sign-out/", "/language/"}


@dataclass(frozen=True)
class Address:
    name: str
    path: str

    def __str__(self) -> str:
        return self.name


def addresses(resolver: URLResolver | None = None, prefix: str = "", space: str = "") -> Iterator[Address]:
    """Each that has a name, filled with values that lead to nothing."""
    found = resolver or get_resolver()
    for name in filter(lambda key: isinstance(key, str), found.reverse_dict):
        for possibilities, *_ in found.reverse_dict.getlist(name):
            for template, params in possibilities[:1]:
                path = template % {param: VALUES.get(param, "999999") for param in params}
                yield Address(f"{space}{name}", f"/{prefix}{path}".replace("/?", ""))
    for name, (more, inner) in found.namespace_dict.items():
        yield from addresses(inner, f"{prefix}{more}", f"{space}{name}:")


ALL = sorted({address.path: address for address in addresses()}.values(), key=str)
PAGES = [address for address in ALL if not address.path.startswith(BY_PROGRAMS)]


def test_there_are_as_many_as_there_should_be() -> None:
    paths = {address.path for address in ALL}

    assert len(ALL) > 150
    assert {"/", "/studies/", "/users/", "/account/", f"{V1}/auth/login", "/admin/studies/study/", "/livez"} <= paths


@pytest.mark.parametrize("who", ["administrator", "nobody"])
def test_every_answer_has_the_headers_that_protect_who_reads_it(who: str) -> None:
    client = client_of(None if who == "nobody" else "administrator")
    client.raise_request_exception = False

    missing = {address.path: bad for address in ALL if (bad := unprotected(client.get(address.path)))}

    assert missing == {}


def unprotected(answer: Any) -> list[str]:
    """The headers of an answer that do not say what they should."""
    policy = answer.headers.get("Content-Security-Policy", "")
    kept = answer.headers.get("Cache-Control", "")
    right = {
        "status": answer.status_code < 500 or answer.status_code == 503,
        "csp": "default-src" in policy and "unsafe" not in policy,
        "frame-ancestors": "frame-ancestors 'none'" in policy or "frame-ancestors 'self'" in policy,
        "x-frame-options": answer.headers.get("X-Frame-Options") in {"DENY", "SAMEORIGIN"},
        "nosniff": answer.headers.get("X-Content-Type-Options") == "nosniff",
        "referrer": answer.headers.get("Referrer-Policy") == "same-origin",
        "opener": answer.headers.get("Cross-Origin-Opener-Policy") == "same-origin",
        "cache": "no-store" in kept or "private" in kept,
    }
    return [f"{name}: {dict(answer.headers)}" for name, is_right in right.items() if not is_right]


def test_pages_with_patient_data_are_kept_nowhere() -> None:
    client = client_of("administrator")

    for path in ("/", "/studies/", "/studies/1.2.3/", "/deliveries/", "/conflicts/", "/archives/", f"{V1}/studies"):
        assert "no-store" in client.get(path).headers["Cache-Control"], path


def test_every_page_that_is_posted_to_wants_its_token() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory.create(role="administrator"))

    open_to_other_sites = {address.path for address in PAGES if client.post(address.path).status_code != 403}

    assert open_to_other_sites == set()


def test_a_session_is_not_used_from_another_site_on_the_doors_of_programs() -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(UserFactory.create(role="administrator"))

    statuses = {client.post(address.path, {}, format="json").status_code for address in ALL if is_closed(address)}

    assert statuses <= {401, 403, 404, 405}


def is_closed(address: Address) -> bool:
    """Whether it is a door of programs that somebody has to be let in by."""
    return address.path.startswith(BY_PROGRAMS) and not address.name.startswith(
        ("api-login", "api-refresh", "api-logout")
    )


def test_nobody_gets_further_than_the_door() -> None:
    client = client_of(None)
    inside = {}
    for address in ALL:
        answer = client.get(address.path)
        is_led = answer.status_code == 302 and answer.headers["Location"].startswith(("/sign-in/", "/admin/login/"))
        if not (is_led or answer.status_code in {401, 403, 404, 405}):
            inside[address.path] = answer.status_code

    assert set(inside) <= OPEN


@pytest.mark.parametrize(
    "following",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        " https://evil.example",
        "/\t/evil.example",
        "https://testserver@evil.example/",
        "https://testserver.evil.example/",
    ],
)
def test_signing_in_leads_to_no_other_site(following: str) -> None:
    UserFactory.create(username="jo")
    given = {"username": "jo", "password": PASSWORD}

    for answer in (
        Client().post("/sign-in/", given | {"next": following}),
        Client().post("/sign-in/", given, query_params={"next": following}),
    ):
        assert answer.status_code == 302
        assert answer.headers["Location"] == "/"


@pytest.mark.parametrize(
    "basename", [basename for _, viewset, basename in router.registry if hasattr(viewset, "create")]
)
def test_a_field_that_nobody_asked_for_is_refused(basename: str) -> None:
    (prefix,) = (prefix for prefix, _, name in router.registry if name == basename)
    if "(?P" in prefix:
        prefix = "config/spanner/1/sources"

    answer = client_of("administrator").post(f"{V1}/{prefix}", {"is_superuser": True, "pk": 1}, format="json")

    assert answer.status_code in {400, 404}
    if answer.status_code == 400:
        assert "is_superuser" in answer.json()["errors"]
