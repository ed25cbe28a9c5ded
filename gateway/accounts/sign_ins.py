"""What follows when somebody is signed in by a page, whichever it was: a receiver of Django's one signal of it."""

from typing import Any

from django.http import HttpRequest

from gateway.accounts import attempts, recent_password, sessions
from gateway.accounts.addresses import address_of
from gateway.accounts.models import User


def signed_in(sender: type[User], request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Django's ``user_logged_in``."""
    sessions.begin(request.session)
    recent_password.note(request.session)
    attempts.forget(user.get_username(), address_of(request))
