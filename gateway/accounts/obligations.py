"""What somebody who is signed in has to do before anything else."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from rest_framework.exceptions import PermissionDenied

from gateway.accounts.first_things import WORDS, first_thing
from gateway.problems import as_answer

ALWAYS_OPEN = frozenset({"sign-in", "sign-in-code", "sign-out", "language", "confirm-password", "livez", "readyz"})


class FirstThingsFirst:
    """Middleware behind that of signing in: leads to what is to be done, whatever was asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Begin."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer."""
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponseBase | None:
        """Before a view is called: pages are led to what is to be done, programs are told."""
        user: Any = request.user
        page = first_thing(user) if user.is_authenticated else None
        name = request.resolver_match.url_name if request.resolver_match else None
        if page is None or name == page or name in ALWAYS_OPEN:
            return None
        if request.path.startswith(("/api/", "/dicom-web/")):
            return as_answer(PermissionDenied(WORDS))
        if request.headers.get("HX-Request"):
            return HttpResponse(headers={"HX-Refresh": "true"})
        return redirect(page)
