"""The OpenAPI schema of the API, and its pages in a browser."""

from typing import Any

from django.contrib.auth.views import redirect_to_login
from drf_spectacular.contrib.rest_framework_simplejwt import SimpleJWTScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotAuthenticated

from gateway.accounts.permissions import ANY_ROLE, RolePermission


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


def problems_for_errors(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Say once what all errors look like, and that each operation may answer with one (a postprocessing hook)."""
    result["components"].setdefault("schemas", {})["Problem"] = {
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
    answer = {
        "description": "An error.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"]["default"] = answer
    return result
