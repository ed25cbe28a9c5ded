"""Every error of the API as a problem document (RFC 9457): a stable type, a sentence for people, never a traceback."""

import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied as DjangoPermissionDenied
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.db.models import ProtectedError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import set_rollback

from gateway.accounts.errors import LastAdministrator, TooManyRequests
from gateway.parsers import TooLarge

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
ON_RECORD = "It is part of the record of what was sent, so it cannot be deleted; disable it instead."
# The slug of the type and its title by HTTP status; documented in docs/api.md.
PROBLEMS: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        400: ("validation", "The request is not valid"),
        401: ("not-authenticated", "Sign in first"),
        403: ("permission-denied", "Your role does not allow this"),
        404: ("not-found", "There is no such resource"),
        405: ("method-not-allowed", "The method is not possible here"),
        406: ("not-acceptable", "There is no answer in the format that was asked for"),
        409: ("conflict", "The state of the resource does not allow this"),
        410: ("gone", "It is not kept any more"),
        413: ("too-large", "The request is too large"),
        415: ("unsupported-media-type", "The format of the request is not taken here"),
        429: ("too-many-requests", "Too many requests"),
        500: ("internal-error", "Something went wrong here"),
        502: ("sources-failed", "Too few sources answered"),
        503: ("unavailable", "A part that is needed does not answer"),
        504: ("sources-late", "Too few sources answered in time"),
    }
)


def problem_response(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER: every error that leaves a view of the API."""
    known = _as_api_exception(error)
    if known is None:
        request = context.get("request")
        path = getattr(request, "path", "")
        logger.error("request failed", exc_info=error, extra={"path": path, "error_type": type(error).__name__})
        known = exceptions.APIException("The error is in the log of the server.")
    set_rollback()
    return Response(problem(known), status=known.status_code, headers=_headers(known), content_type=MEDIA_TYPE)


def problem(error: exceptions.APIException) -> dict[str, Any]:
    """The document of one error."""
    slug, title = PROBLEMS.get(error.status_code, ("error", "The request was refused"))
    if isinstance(error, exceptions.ParseError):
        slug, title = "malformed", "The request could not be read"
    found: dict[str, Any] = {"type": f"/problems/{slug}", "title": title, "status": error.status_code}
    if isinstance(error, exceptions.ValidationError):
        errors = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
        return found | {"detail": _summary(errors), "errors": errors}
    found |= getattr(error, "members", {})
    detail = error.detail
    # simplejwt puts its sentence into a field of that name.
    return found | {"detail": str(detail.get("detail", title) if isinstance(detail, dict) else detail)}


@csrf_exempt
@login_not_required
def not_found(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
    """The answer to an address under ``/api/`` or ``/dicom-web/`` that leads nowhere, for use as a Django view."""
    return as_answer(exceptions.NotFound(f"There is nothing at {request.path}."))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's ``handler500``, for what goes wrong before a view of the API is reached; Django has logged it."""
    if not request.path.startswith(("/api/", "/dicom-web/")):
        return defaults.server_error(request)
    return as_answer(exceptions.APIException("The error is in the log of the server."))


def as_answer(error: exceptions.APIException) -> JsonResponse:
    """The document of one error as Django's answer, outside of the API's views."""
    return JsonResponse(problem(error), status=error.status_code, content_type=MEDIA_TYPE)


def _as_api_exception(error: Exception) -> exceptions.APIException | None:
    """The table of this door: errors of Django and of the apps, as HTTP says them."""
    if isinstance(error, exceptions.APIException):
        return error
    if isinstance(error, Http404):
        return exceptions.NotFound("There is no such resource, or not any more.")
    if isinstance(error, DjangoPermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, OperationalError | InterfaceError):
        logger.warning("database does not answer", extra={"error_type": type(error).__name__})
        return Unavailable("The database does not answer now; try again in a moment.")
    if isinstance(error, RequestDataTooBig):
        return TooLarge()
    if isinstance(error, ProtectedError | LastAdministrator):
        return Conflict(ON_RECORD if isinstance(error, ProtectedError) else str(error))
    if isinstance(error, TooManyRequests):
        return ComeAgainLater(str(error), wait=error.retry_after_seconds)
    return None


class Conflict(exceptions.APIException):
    """The state of the resource does not allow what was asked."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class ComeAgainLater(exceptions.APIException):
    """Come again later; ``wait`` is in seconds."""

    status_code = status.HTTP_429_TOO_MANY_REQUESTS
    default_code = "too_many_requests"

    def __init__(self, detail: str, *, wait: int) -> None:
        super().__init__(detail)
        self.wait = wait


class Unavailable(exceptions.APIException):
    """Something that is needed does not answer."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"


def _summary(errors: Mapping[str, Any]) -> str:
    names = ", ".join(str(name) for name in errors if name != "non_field_errors")
    return f"Look at {names}." if names else "See errors."


def _headers(error: exceptions.APIException) -> dict[str, str]:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait))  # type: ignore[attr-defined]
    return headers
