"""JSON Web Tokens for a user name and a password: made, renewed, and ended before their time."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from gateway.accounts import attempts
from gateway.accounts.addresses import address_of
from gateway.accounts.first_things import WORDS, first_thing
from gateway.accounts.models import User
from gateway.accounts.second_factor import has_factor, is_right


@dataclass(frozen=True)
class Tokens:
    """What a program keeps after signing in."""

    access: str
    refresh: str


class CodeNeeded(AuthenticationFailed):
    """The password is right; the next request brings a code of the second factor too."""

    default_detail = "This user has a second factor: send its code as otp."
    members: Mapping[str, Any] = MappingProxyType({"otp": "needed"})


def sign_in(request: HttpRequest, *, username: str, password: str, otp: str = "") -> Tokens:
    """Check name and password, and the code of a user who has a second factor.

    Raises:
        AuthenticationFailed: they are wrong, or the user is not active; it does not say which.
        CodeNeeded: they are right, and there is no code.
        SignInLocked: one of them was wrong too often.
    """
    user: Any = authenticate(request, username=username, password=password)
    if user is None:
        raise AuthenticationFailed("User name or password is wrong.")
    if first_thing(user) is not None:
        raise AuthenticationFailed(WORDS)
    if has_factor(user) and not otp:
        raise CodeNeeded
    if has_factor(user) and not is_right(user, otp):
        raise AuthenticationFailed("The code is wrong, or was used before.")
    # Kept to know which are ended; nobody asks about those that have expired.
    OutstandingToken.objects.filter(user=user, expires_at__lt=timezone.now()).delete()
    refresh = RefreshToken.for_user(user)
    update_last_login(type(user), user)
    attempts.forget(username, address_of(request))
    return Tokens(str(refresh.access_token), str(refresh))


def renew(token: str) -> str:
    """A new access token.

    Raises:
        AuthenticationFailed: the token is forged, expired or ended, its user is gone or has a new password.
    """
    refresh = _read(token)
    user_pk = str(refresh.payload.get(api_settings.USER_ID_CLAIM, ""))
    user = User.objects.filter(pk=user_pk, is_active=True).first() if user_pk.isdecimal() else None
    # A password is changed when somebody else may know the old one.
    if user is None or refresh.payload.get(api_settings.REVOKE_TOKEN_CLAIM) != get_md5_hash_password(user.password):
        raise AuthenticationFailed("This token's user may not sign in any more; sign in again.")
    if first_thing(user) is not None:
        raise AuthenticationFailed(WORDS)
    return str(refresh.access_token)


def sign_out(token: str) -> None:
    """End a refresh token; what was made from it lives on for the few minutes that it has.

    Raises:
        AuthenticationFailed: the token is forged, expired, or was ended before.
    """
    _read(token).blacklist()


def _read(token: str) -> RefreshToken:
    try:
        return RefreshToken(token)  # type: ignore[arg-type]  # it takes the encoded form too
    except TokenError as error:
        raise AuthenticationFailed("This token is not valid, or not any more; sign in again.") from error
