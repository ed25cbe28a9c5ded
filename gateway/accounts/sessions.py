"""How long a session lasts: some time without activity, and never longer than a working day."""

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.http import HttpRequest
from django.http.response import HttpResponseBase

SIGNED_IN_AT, ACTIVE_AT = "signed_in_at", "active_at"  # seconds since the epoch
_HOST = "__Host-"
POLL_HEADER = "X-Poll"  # sent by static/js/live.js
NOTED_AFTER_SECONDS = 60  # of activity: a row for each click would cost more than most pages


class SessionLimits:
    """Middleware behind that of authentication: ends what lasted long enough, before a page is asked for.

    A part of a page that asks for itself anew every few seconds is no activity, or an open page would keep its session
    alive in an empty room.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Begin."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer, as nobody when the session is over."""
        if SESSION_KEY in request.session:
            now = time.time()
            if is_over(request.session, now):
                logout(request)
            elif POLL_HEADER not in request.headers and now - request.session[ACTIVE_AT] >= NOTED_AFTER_SECONDS:
                request.session[ACTIVE_AT] = int(now)
        return self._get_response(request)


class SecureCookies:
    """Middleware before that of sessions: over HTTPS no cookie is ever sent without it, and none comes from elsewhere.

    Those of session and CSRF are called ``__Host-`` there, which a browser takes from this very host alone: no other
    one of the domain, and nobody who sends a page without HTTPS, can put one in their place.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Begin."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer; on loopback without HTTPS a secure cookie would never come back, and nobody could sign in."""
        is_secure = request.is_secure()
        if is_secure:
            for name in _named():
                request.COOKIES.pop(name, None)
                if _HOST + name in request.COOKIES:
                    request.COOKIES[name] = request.COOKIES[_HOST + name]
        response = self._get_response(request)
        if is_secure:
            for name in _named() & set(response.cookies):
                cookie = response.cookies.pop(name)
                response.cookies[_HOST + name] = cookie.value
                response.cookies[_HOST + name].update(cookie)
            for cookie in response.cookies.values():
                cookie["secure"] = True
        return response


def _named() -> set[str]:
    return {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME}


def begin(session: Any) -> None:
    """Note that somebody has signed in just now."""
    session[SIGNED_IN_AT] = session[ACTIVE_AT] = int(time.time())


def is_over(session: Any, now: float) -> bool:
    """Whether a session lasted long enough; one of which nobody noted when it began has."""
    if SIGNED_IN_AT not in session or ACTIVE_AT not in session:
        return True
    return bool(
        now - session[ACTIVE_AT] >= settings.GANTRY.session_idle_minutes * 60
        or now - session[SIGNED_IN_AT] >= settings.GANTRY.session_hours * 3600
    )
