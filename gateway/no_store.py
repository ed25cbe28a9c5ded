"""No browser or proxy keeps what was answered, unless the answer says otherwise of itself."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase


class NoStore:
    """Middleware behind that of static files: answers hold patient data, and computers are shared on wards."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Begin."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer; what has a rule of its own, as pictures have, which are asked about each time, keeps it."""
        response = self._get_response(request)
        response.setdefault("Cache-Control", "no-store")
        return response
