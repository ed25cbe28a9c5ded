"""Who asks for a page: everybody who gets to one has signed in."""

from typing import cast

from django.http import HttpRequest

from gateway.accounts.models import User


def person(request: HttpRequest) -> User:
    """The user, where the middleware has let nobody else through."""
    return cast(User, request.user)
