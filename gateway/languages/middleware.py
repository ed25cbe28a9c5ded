"""In which language a request is answered: pages in the person's, everything for programs in English."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers

# What programs read must not depend on who asks; OHIF brings its own words, in English.
FOR_PROGRAMS = ("/api/", "/dicom-web/", "/metrics", "/livez", "/readyz", "/ohif/")
ENGLISH = "en"


class PageLanguage:
    """Middleware behind that of signing in, for a person's own choice counts more than the browser's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Begin."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer; the thread has its language back afterwards."""
        if request.path_info.startswith(FOR_PROGRAMS):
            with translation.override(ENGLISH):
                return self._get_response(request)
        language = language_of(request)
        with translation.override(language):
            response = self._get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            response.setdefault("Content-Language", language)
            patch_vary_headers(response, ["Accept-Language"])
        return response


def language_of(request: HttpRequest) -> str:
    """The language that the person chose, else that of the cookie of this browser, else the best that it asks for."""
    user: Any = request.user
    own = user.language if user.is_authenticated else ""
    # A language that was chosen once may be none of ours any more.
    return own if own and translation.check_for_language(own) else translation.get_language_from_request(request)
