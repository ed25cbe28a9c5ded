"""Middleware: whoever asks sees the studies of his sites, and until it is known who asks nothing is seen."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import get_resolver

from studies.sight import NOTHING, Sight, carried, seeing


class SeesOwnSites:
    """It stands before all doors; each says who asks by the request's ``user``, which is read when it is needed."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Begin, with all views imported: what their classes keep is not to be of who asks first."""
        get_resolver().url_patterns  # noqa: B018 (which imports them)
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, also what is made while it is sent."""

        def asked() -> Sight | None:
            return sight_of(getattr(request, "user", None))

        with seeing(asked):
            response: Any = self._get_response(request)
        if not response.streaming or asked() is None:
            return response  # type: ignore[no-any-return]
        # A file that is open needs no database, and the server sends it better as a file.
        if getattr(response, "file_to_stream", None) is None:
            response.streaming_content = carried(response.streaming_content, asked)
        return response  # type: ignore[no-any-return]


def sight_of(user: Any) -> Sight | None:
    """What a user or the holder of an API key sees; None: everything."""
    if user is None or not user.is_authenticated:
        return NOTHING
    found: Sight | None = user.sight
    return found
