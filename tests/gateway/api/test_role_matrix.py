"""Every address of the API, by every kind of caller: generated from the router, so that no address is forgotten."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import URLPattern
from rest_framework.test import APIClient
from rest_framework.views import APIView

from gateway.accounts.permissions import ANY_ROLE, RolePermission, needed_permission
from gateway.accounts.roles import role_may
from gateway.api_urls import urlpatterns
from tests.api_clients import V1, client_of, key_client

pytestmark = pytest.mark.django_db
UID = "1.2.3"
PUBLIC = {"api-login", "api-refresh", "api-logout"}
EXPECTED = {
    # The least role that may call each; written by hand, so that a change of the table shows here.
    ("api-root", "get"): "viewer",
    ("api-audit", "get"): "administrator",
    ("api-audit-verify", "get"): "administrator",
    ("api-audit-csv", "get"): "administrator",
    ("api-audit-json", "get"): "administrator",
    ("api-config-export", "get"): "administrator",
    ("api-config-import", "post"): "administrator",
    ("api-config-snapshot-list", "get"): "administrator",
    ("api-config-snapshot-detail", "get"): "administrator",
    ("api-config-snapshot-rollback", "post"): "administrator",
    ("api-change-list", "get"): "viewer",
    ("api-node-list", "get"): "operator",
    **{
        (f"api-analytics-{name}", "get"): "viewer"
        for name in ("throughput", "volume", "modalities", "latency", "storage", "queue")
    },
    ("api-schema", "get"): "viewer",
    ("api-docs", "get"): "viewer",
    ("api-me", "get"): "viewer",
    ("api-study-trace", "get"): "viewer",
    ("api-study-receipt", "get"): "viewer",
    ("api-study-replay", "post"): "operator",
    ("api-study-move", "post"): "operator",
    ("api-fetch-study", "post"): "operator",
    ("api-fetch-list", "get"): "viewer",
    ("api-fetch-detail", "get"): "viewer",
    ("api-fetch-cancel", "post"): "operator",
    ("api-tier-test", "post"): "operator",
    ("api-lock-out-list", "get"): "administrator",
    ("api-lock-out-detail", "delete"): "administrator",
    ("api-move-list", "get"): "viewer",
    ("api-move-detail", "get"): "viewer",
    ("api-move-cancel", "post"): "operator",
    ("api-rule-test", "post"): "viewer",
    ("api-study-list", "get"): "viewer",
    ("api-study-detail", "get"): "viewer",
    ("api-study-instances", "get"): "viewer",
    ("api-study-file", "get"): "viewer",
    ("api-study-location", "get"): "viewer",
    ("api-conflict-list", "get"): "viewer",
    ("api-conflict-detail", "get"): "viewer",
    ("api-unreadable-file-list", "get"): "viewer",
    ("api-unreadable-file-detail", "get"): "viewer",
    ("api-commitment-list", "get"): "viewer",
    ("api-commitment-detail", "get"): "viewer",
    ("api-commitment-items", "get"): "viewer",
    ("api-identity-clash-list", "get"): "viewer",
    ("api-identity-clash-detail", "get"): "viewer",
    ("api-destination-echo", "post"): "operator",
    ("api-rule-versions", "get"): "viewer",
    ("api-ai-worker-echo", "post"): "operator",
    ("api-ai-request-list", "get"): "viewer",
    ("api-ai-request-detail", "get"): "viewer",
    ("api-ai-request-retry", "post"): "operator",
    ("api-ai-request-cancel", "post"): "operator",
    ("api-ai-result-list", "get"): "viewer",
    ("api-ai-result-detail", "get"): "viewer",
    ("api-ai-result-release", "post"): "operator",
    ("api-ai-result-keep", "post"): "operator",
    ("api-tier-policy-simulation", "get"): "viewer",
    ("api-source-echo", "post"): "operator",
    ("api-source-health", "get"): "viewer",
    ("api-span-studies", "get"): "viewer",
    ("api-span-series", "get"): "viewer",
    ("api-span-instances", "get"): "viewer",
    ("api-span-query-status", "get"): "viewer",
    ("api-span-query-results", "get"): "viewer",
    ("api-rule-rollback", "post"): "administrator",
    ("api-rule-validate", "get"): "viewer",
    ("api-back-test-list", "get"): "viewer",
    ("api-back-test-list", "post"): "administrator",
    ("api-back-test-detail", "get"): "viewer",
    ("api-back-test-cancel", "post"): "administrator",
    ("api-back-test-studies", "get"): "viewer",
    ("api-back-test-csv", "get"): "viewer",
    ("api-delivery-list", "get"): "viewer",
    ("api-delivery-detail", "get"): "viewer",
    ("api-delivery-retry", "post"): "operator",
    ("api-delivery-retry-many", "post"): "operator",
    ("api-delivery-cancel", "post"): "operator",
    ("api-delivery-cancel-many", "post"): "operator",
    ("api-delivery-ledger", "get"): "viewer",
    ("api-delivery-lanes", "get"): "viewer",
    ("api-webhook-test", "post"): "administrator",
    ("api-webhook-rotate-secret", "post"): "administrator",
    ("api-webhook-delivery-list", "get"): "administrator",
    ("api-webhook-delivery-detail", "get"): "administrator",
    ("api-webhook-delivery-retry", "post"): "administrator",
    ("api-webhook-delivery-retry-dead", "post"): "administrator",
    **{
        (f"{name}-{page}", method): "viewer" if method == "get" else "administrator"
        for name in (
            "api-destination",
            "api-rule",
            "api-allowlist",
            "api-remote-node",
            "api-ai-pool",
            "api-ai-worker",
            "api-tier",
            "api-tier-policy",
            "api-source",
            "api-federation",
            "api-federation-source",
        )
        for page, methods in (("list", ("get", "post")), ("detail", ("get", "put", "patch", "delete")))
        for method in methods
    },
    **{
        (f"{name}-{page}", method): "administrator"
        for name in ("api-user", "api-key", "api-webhook", "api-site")
        for page, methods in (("list", ("get", "post")), ("detail", ("get", "put", "patch", "delete")))
        for method in methods
    },
}
ROLES = ("viewer", "operator", "administrator")


@dataclass(frozen=True)
class Route:
    name: str
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.name}"


def routes() -> Iterator[Route]:
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        if pattern.name is None or pattern.name in PUBLIC:
            continue
        for method in methods_of(pattern.callback):
            yield Route(pattern.name, method, f"{V1}/{example(pattern)}")


def methods_of(callback: Any) -> list[str]:
    by_action = getattr(callback, "actions", None)
    if by_action:
        return [method for method in by_action if method != "head"]
    return [method for method in ("get", "post", "put", "patch", "delete") if hasattr(callback.cls, method)]


def example(pattern: URLPattern) -> str:
    """A path that the pattern matches, naming things that do not exist."""
    names = pattern.pattern.regex.groupindex
    values = {"pk": "999999", "id": "abcdefgh", "query_id": "0" * 32, "config_pk": "999999", "webhook_pk": "999999"}
    text = str(pattern.pattern)
    for name in names:
        start = text.index(f"(?P<{name}>")
        depth, end = 0, start
        for end in range(start, len(text)):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if depth == 0:
                break
        text = text[:start] + values.get(name, UID) + text[end + 1 :]
    path = text.removeprefix("^").removesuffix("$").removesuffix("\\Z").removesuffix("/?")
    assert pattern.pattern.regex.search(path), (path, pattern)
    return path


ROUTES = list(routes())


def test_the_table_names_every_route_and_no_other() -> None:
    assert {(route.name, route.method) for route in ROUTES} == set(EXPECTED)


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_nobody_is_let_in_without_signing_in(route: Route) -> None:
    response = call(client_of(None), route)

    if route.name == "api-docs":
        assert response.status_code == 302
        assert response["Location"].startswith("/sign-in/?next=")
    else:
        assert response.status_code == 401
        assert response["Content-Type"] == "application/problem+json"
        assert response["WWW-Authenticate"]


@pytest.mark.parametrize("kind", ["session", "key"])
@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_call_what_the_table_says(role: str, kind: str) -> None:
    client = client_of(role) if kind == "session" else key_client(role)

    allowed = {route for route in ROUTES if call(client, route).status_code != 403}

    assert allowed == {
        route for route in ROUTES if ROLES.index(role) >= ROLES.index(EXPECTED[route.name, route.method])
    }


def test_a_key_for_metrics_opens_nothing_here() -> None:
    client = key_client("metrics")

    assert {call(client, route).status_code for route in ROUTES} == {403}


def test_a_view_that_says_nothing_is_refused_even_to_administrators() -> None:
    class Forgotten(APIView):
        pass

    class Request:
        user = type("Administrator", (), {"is_authenticated": True, "role": "administrator", "has_perm": role_may})()
        method = "GET"

    assert needed_permission(Forgotten(), "GET") is None
    assert not RolePermission().has_permission(Request(), Forgotten())  # type: ignore[arg-type]


def test_no_view_states_a_permission_that_does_not_exist() -> None:
    from gateway.accounts.backends import permission_names

    for pattern in urlpatterns:
        view = getattr(pattern.callback, "cls", None)
        if view is None:
            continue
        stated = {getattr(view, "required_permission", None), *getattr(view, "action_permissions", {}).values()}
        assert stated - {None, ANY_ROLE} <= permission_names(), view


def call(client: APIClient, route: Route) -> Any:
    # Bodies are empty: whoever is let in gets 400 or 404, and nothing is changed.
    return getattr(client, route.method)(route.path, **({} if route.method == "get" else {"format": "json"}))
