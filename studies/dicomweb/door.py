"""The door of every DICOMweb resource: who asks, whether they may, and errors as problem documents (RFC 9457).

Plain Django views, for the REST framework's own cost more than most answers; who may come in and how errors look, its
settings say here as they do for the API.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.views.decorators.csrf import csrf_exempt
from rest_framework.exceptions import APIException, MethodNotAllowed, NotAuthenticated, PermissionDenied
from rest_framework.request import Request
from rest_framework.settings import api_settings

ANYONE: Final = ""  # with a role
PERMISSIONS: Mapping[str, str] = {
    "GET": "studies.view_instance",
    "POST": "studies.add_instance",
    "DELETE": "studies.delete_study",
    "OPTIONS": ANYONE,
}


# What stands behind a door: it takes the request, whose ``user`` is who asks, and the parts of the address by name, and
# raises the REST framework's exceptions for what goes wrong.
View = Callable[..., HttpResponseBase]


class TooLarge(APIException):
    """More than any request here has reason to hold."""

    status_code = 413
    default_detail = "The request is too large."


def door(**views: View) -> Any:
    """One resource: a view for each method, as ``door(GET=frames)``; HEAD is GET without its body.

    Reading takes the role viewer, storing operator, deleting administrator.
    """
    allowed = ", ".join(sorted({*views, "OPTIONS"} | ({"HEAD"} if "GET" in views else set())))

    @csrf_exempt  # checked by the session's authentication, which alone is open to it
    @login_not_required  # answers 401 by itself, not with a page
    def enter(request: HttpRequest, **kwargs: str) -> HttpResponseBase:
        method = request.method or ""
        known = "GET" if method == "HEAD" else method
        try:
            view = views.get(known)
            if view is None and known != "OPTIONS":
                raise MethodNotAllowed(method)
            request.user = _who_asks(request, PERMISSIONS[known])
            response = view(request, **kwargs) if view else HttpResponse(status=204)
        except Exception as error:  # noqa: BLE001 (the door: the handler logs what nobody expected, with its traceback)
            response = _problem(error, request)
        if response.status_code == 405 or known == "OPTIONS":
            response["Allow"] = allowed
        return _guarded(response, is_head=method == "HEAD")

    enter.methods = tuple(views)  # type: ignore[attr-defined]  # for the capabilities
    return enter


def _who_asks(request: HttpRequest, permission: str) -> Any:
    """The user or key holder behind a request.

    Raises:
        NotAuthenticated, AuthenticationFailed: nobody, or with something that is not valid.
        PermissionDenied: without the permission, or by a session without its CSRF token.
    """
    classes: Any = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    ways = [way() for way in classes]
    asked = Request(request, authenticators=ways)
    try:
        user: Any = asked.user
        if not user or not user.is_authenticated:
            raise NotAuthenticated
    except APIException as error:
        if error.status_code == 401:
            error.auth_header = ways[0].authenticate_header(asked)  # type: ignore[attr-defined]
        raise
    may = bool(user.role) if permission == ANYONE else user.has_perm(permission)
    if not may:
        raise PermissionDenied
    return user


def _problem(error: Exception, request: HttpRequest) -> HttpResponse:
    if isinstance(error, RequestDataTooBig):
        error = TooLarge()
    handle: Any = api_settings.EXCEPTION_HANDLER
    said = handle(error, {"request": request})
    response = JsonResponse(said.data, status=said.status_code, content_type=said.content_type)
    for name, value in said.headers.items():
        if name.lower() not in {"content-type", "content-length"}:
            response[name] = value
    return response


def _guarded(response: HttpResponseBase, *, is_head: bool) -> HttpResponseBase:
    """No browser may take for a page what a file says, nor keep for another person what this one saw."""
    response["X-Content-Type-Options"] = "nosniff"
    response.setdefault("Cache-Control", "private, no-cache")
    patch_vary_headers(response, ["Accept", "Authorization", "Cookie"])
    if not is_head:
        return response
    bare = HttpResponse(status=response.status_code)
    for name, value in response.items():
        bare[name] = value
    response.close()
    return bare
