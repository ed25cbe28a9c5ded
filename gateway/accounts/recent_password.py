"""What cannot be undone asks for the password again: the one place that says what that is."""

import time
from collections.abc import Callable
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse

PASSWORD_AT = "password_at"  # noqa: S105 (no password) - in the session, seconds since the epoch
RECENT_SECONDS = 300
# Pages by name. Each asks before it acts, so who is led away comes back to the question.
ASK_AGAIN = frozenset(
    {
        "api-key-create",
        "configuration-import",
        "configuration-snapshot",
        "destination-delete",
        "federation-delete",
        "location-delete",
        "my-factor",
        "my-factor-remove",
        "my-recovery-codes",
        "policy-delete",
        "api-key-sites",
        "site-create",
        "site-delete",
        "site-update",
        "source-delete",
        "user-create",
        "user-delete",
        "user-factor",
        "user-password",
        "user-update",
        "webhook-delete",
        "webhook-secret",
    }
)


class RecentPassword:
    """Middleware behind that of signing in: who finds an open session deletes nothing, and makes himself no way in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Begin."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer."""
        return self._get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponse | None:
        """Before such a page: lead to the one that asks for the password, unless that was a moment ago."""
        name = request.resolver_match.url_name if request.resolver_match else None
        if name not in ASK_AGAIN or not request.user.is_authenticated or is_recent(request):
            return None
        return redirect_to_login(request.path, reverse("confirm-password"))


def is_recent(request: HttpRequest) -> bool:
    """Whether the password of this session was given within the last minutes."""
    return bool(time.time() - request.session.get(PASSWORD_AT, 0) < RECENT_SECONDS)


def note(session: Any) -> None:
    """The password was given just now."""
    session[PASSWORD_AT] = int(time.time())
