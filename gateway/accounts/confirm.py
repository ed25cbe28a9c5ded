"""Whether it is still the same person who is signed in."""

from django.contrib.auth import authenticate
from django.http import HttpRequest


def is_own_password(request: HttpRequest, password: str) -> bool:
    """Whether this is the password of who is signed in.

    Raises:
        SignInLocked: too many wrong ones; they count as attempts to sign in.
    """
    found = authenticate(request, username=request.user.get_username(), password=password)
    return found is not None and found.pk == request.user.pk
