"""The OpenAPI schema of the API, and its pages in a browser."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.views import redirect_to_login
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAuthenticated

from gateway.accounts.permissions import ANY_ROLE, RolePermission
from gateway.problems import MEDIA_TYPE, PROBLEMS


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes API keys; drf-spectacular finds it by being imported."""

    target_class = "gateway.accounts.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """A header."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "“Api-Key”, a space, and the key.",
        }


class BearerScheme(SimpleJWTScheme):  # type: ignore[no-untyped-call]
    """How the schema describes tokens."""

    target_class = "gateway.accounts.bearer.BearerAuthentication"


class Schema(SpectacularAPIView):
    """The OpenAPI 3 description of the API."""

    permission_classes = [RolePermission]
    required_permission = ANY_ROLE


class Docs(SpectacularSwaggerSplitView):
    """Swagger UI; its script comes from an address of its own, as the content security policy demands."""

    permission_classes = [RolePermission]
    required_permission = ANY_ROLE
    template_name = "gateway/api_docs.html"
    url_name = "api-schema"

    def handle_exception(self, exc: Exception) -> Any:
        """Who is not signed in comes back here afterwards."""
        if isinstance(exc, NotAuthenticated):
            return redirect_to_login(self.request.get_full_path())
        return super().handle_exception(exc)


def without_closing_slash(endpoints: list[tuple[str, str, str, Any]], **kwargs: Any) -> list[tuple[str, str, str, Any]]:
    """Show the shorter of the two forms of each path (a preprocessing hook of drf-spectacular)."""
    return [(path.rstrip("/"), pattern, method, callback) for path, pattern, method, callback in endpoints]


def blank_as_any_of(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """A text that may be empty fits a pattern, or is empty, or both (a postprocessing hook)."""
    for schema in result["components"].get("schemas", {}).values():
        for field in schema.get("properties", {}).values():
            if _EMPTY in field.get("oneOf", ()):
                field["anyOf"] = field.pop("oneOf")
    return result


def problems_for_errors(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Say once what each error looks like, and which of them an operation answers with (a postprocessing hook)."""
    components = result["components"]
    components.setdefault("schemas", {})["Problem"] = _PROBLEM
    components.setdefault("responses", {}).update({_name(status): _answer(status) for status in PROBLEMS})
    for path, operations in result["paths"].items():
        for method, operation in operations.items():
            for status in sorted(_statuses(path, method, operation)):
                reference = {"$ref": f"#/components/responses/{_name(status)}"}
                operation["responses"].setdefault(str(status), reference)
    return result


def _statuses(path: str, method: str, operation: Mapping[str, Any]) -> set[int]:
    found = {401, 403, 406, 429, 500, 503}
    parameters = operation.get("parameters", ())
    places = {parameter["in"] for parameter in parameters}
    if "query" in places or "requestBody" in operation:
        found.add(400)
    if "path" in places or any(parameter["name"] == "page" for parameter in parameters):
        found.add(404)
    if "requestBody" in operation:
        found |= {413, 415}
    if method != "get" and not path.startswith("/api/v1/auth/"):
        found.add(409)
    for part, more in _OF_SOME.items():
        if part in path:
            found |= more
    return found


def _name(status: int) -> str:
    return f"Problem{status}"


def _answer(status: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": f"{PROBLEMS[status][1]}.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in {429, 503}:
        found["headers"] = {
            "Retry-After": {"description": "Seconds, where it is known.", "schema": {"type": "integer"}}
        }
    return found


_EMPTY = {"type": "string", "maxLength": 0}
# What some operations answer besides, by a part of their path.
_OF_SOME = {
    "/spanner/qido/": {404, 409, 502, 504},
    "/spanner/queries/": {410, 502, 504},
    "/simulation": {409},
}
_PROBLEM = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "object", "description": "Messages by field, for type /problems/validation."},
    },
    "required": ["type", "title", "status", "detail"],
}
