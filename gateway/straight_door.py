"""The short way for programs: a request to DICOMweb with a key or token goes past what is there for browsers.

Sessions, forms, messages and pages cost more than a search does, and such a request has none of them: who asks stands
in its ``Authorization``. A browser that is signed in takes the long way, for its session and its CSRF token, also where
a proxy puts an ``Authorization`` of its own into what it asks.
"""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import get_resolver

URLCONF = "studies.dicomweb.urls"
PREFIX = "/dicom-web/"
_PROGRAMS = ("Api-Key ", "Bearer ")  # written otherwise, they are understood on the long way
_POLICY = "default-src 'none'; frame-ancestors 'none'"  # whatever shows it, it runs nothing


class StraightDoor:
    """Middleware; what stands before it in the settings sees these requests, what stands behind it does not."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Begin."""
        self._long_way = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer by the door of the resource, which turns whatever goes wrong into an answer."""
        path = request.path_info
        if not (path.startswith(PREFIX) and request.META.get("HTTP_AUTHORIZATION", "").startswith(_PROGRAMS)):
            return self._long_way(request)
        try:
            match = get_resolver(URLCONF).resolve(path[len(PREFIX) - 1 :])
        except Http404:
            return self._long_way(request)
        request.resolver_match = match
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        response.setdefault("Content-Security-Policy", _POLICY)
        if isinstance(response, HttpResponse):
            response.setdefault("Content-Length", str(len(response.content)))
        return response
