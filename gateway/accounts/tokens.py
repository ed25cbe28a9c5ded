"""JSON Web Tokens for a user name and a password: made, renewed, and ended before their time.

A refresh token is used up when it renews, and the one that it gives belongs to its family. One that comes a second time
was copied: nobody can tell who has it rightly, so its whole family ends.
"""

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import update_last_login
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken
from rest_framework_simplejwt.utils import datetime_from_epoch, get_md5_hash_password

from gateway.accounts import attempts
from gateway.accounts.addresses import address_of
from gateway.accounts.first_things import WORDS, first_thing
from gateway.accounts.models import User
from gateway.accounts.second_factor import has_factor, is_right
from gateway.audit import sign_ins

logger = logging.getLogger(__name__)
GENERATION_CLAIM = "generation"  # of the user's sessions; see gateway.accounts.people.end_sessions
NOT_VALID = "This token is not valid, or not any more; sign in again."


@dataclass(frozen=True)
class Tokens:
    """What a program keeps after signing in."""

    access: str
    refresh: str


class CodeNeeded(AuthenticationFailed):
    """The password is right; the next request brings a code of the second factor too."""

    default_detail = "This user has a second factor: send its code as otp."
    members: Mapping[str, Any] = MappingProxyType({"otp": "needed"})


class _UsedBefore(TokenError):
    """A refresh token that is right and has renewed, or was ended, before."""

    def __init__(self, jti: str) -> None:
        super().__init__("Token is blacklisted")
        self.jti = jti


class _Refresh(RefreshToken):
    def check_blacklist(self) -> None:
        """Say which it was."""
        jti = str(self.payload.get(api_settings.JTI_CLAIM, ""))
        if BlacklistedToken.objects.filter(token__jti=jti).exists():
            raise _UsedBefore(jti)


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
    refresh = _Refresh()
    refresh[api_settings.USER_ID_CLAIM] = str(user.pk)
    refresh[api_settings.REVOKE_TOKEN_CLAIM] = get_md5_hash_password(user.password)
    refresh[GENERATION_CLAIM] = user.session_generation
    tokens = _issued(refresh, user)
    update_last_login(type(user), user)
    attempts.forget(username, address_of(request))
    sign_ins.signed_in(user)
    return tokens


def renew(token: str) -> Tokens:
    """A new access token, and a new refresh token in place of this one; it ends when this one would have.

    Raises:
        AuthenticationFailed: it is forged, expired, ended or used before, or its user is gone or has a new password.
    """
    refresh = _read(token)
    user = _user_of(refresh)
    with transaction.atomic():
        if _use_up(refresh):
            following = _Refresh()
            following.payload |= {
                name: value for name, value in refresh.payload.items() if name not in refresh.no_copy_claims
            }
            following["exp"] = refresh["exp"]
            following[api_settings.JTI_CLAIM] = f"{_family(refresh[api_settings.JTI_CLAIM])}.{uuid.uuid4().hex}"
            return _issued(following, user)
    # Somebody else used it up while this one was looked at.
    _end_family(refresh[api_settings.JTI_CLAIM])
    raise AuthenticationFailed(NOT_VALID)


def sign_out(token: str) -> None:
    """End a refresh token; what was made from it lives on for the few minutes that it has.

    Raises:
        AuthenticationFailed: the token is forged, expired, or was ended before.
    """
    refresh = _read(token)
    _end_family(refresh[api_settings.JTI_CLAIM])
    user_pk = str(refresh.payload.get(api_settings.USER_ID_CLAIM, ""))
    sign_ins.signed_out(User.objects.filter(pk=user_pk).first() if user_pk.isdecimal() else None)


def is_of_now(payload: Mapping[str, Any], user: User) -> bool:
    """Whether a token was made since the user's sessions were last ended, and nothing has to be done first."""
    return bool(payload.get(GENERATION_CLAIM, 0) == user.session_generation and first_thing(user) is None)


def _read(token: str) -> RefreshToken:
    try:
        return _Refresh(token)  # type: ignore[arg-type]  # it takes the encoded form too
    except _UsedBefore as error:
        _end_family(error.jti)
        raise AuthenticationFailed(NOT_VALID) from error
    except TokenError as error:
        raise AuthenticationFailed(NOT_VALID) from error


def _user_of(refresh: RefreshToken) -> User:
    pk = str(refresh.payload.get(api_settings.USER_ID_CLAIM, ""))
    user = User.objects.filter(pk=pk, is_active=True).first() if pk.isdecimal() else None
    # A password is changed when somebody else may know the old one.
    if user is None or refresh.payload.get(api_settings.REVOKE_TOKEN_CLAIM) != get_md5_hash_password(user.password):
        raise AuthenticationFailed("This token's user may not sign in any more; sign in again.")
    if not is_of_now(refresh.payload, user):
        raise AuthenticationFailed("This session was ended; sign in on the portal's page.")
    return user


def _issued(refresh: RefreshToken, user: User) -> Tokens:
    """Note it, without the token itself: whoever reads the database gets none that works."""
    OutstandingToken.objects.create(
        user=user,
        jti=refresh[api_settings.JTI_CLAIM],
        token="",
        created_at=refresh.current_time,
        expires_at=datetime_from_epoch(refresh["exp"]),
    )
    return Tokens(str(refresh.access_token), str(refresh))


def _use_up(refresh: RefreshToken) -> bool:
    """Whether nobody did before; of two at the same moment the unique row lets one through."""
    noted = OutstandingToken.objects.filter(jti=refresh[api_settings.JTI_CLAIM]).first()
    return noted is not None and BlacklistedToken.objects.get_or_create(token=noted)[1]


def _end_family(jti: str) -> None:
    alive = OutstandingToken.objects.filter(jti__startswith=_family(jti), blacklistedtoken=None)
    ended = [BlacklistedToken(token=token) for token in alive]
    BlacklistedToken.objects.bulk_create(ended, ignore_conflicts=True)
    logger.info("family of refresh tokens ended", extra={"tokens": len(ended)})


def _family(jti: str) -> str:
    """The part of a token's id that all which come from one sign-in share."""
    return jti.partition(".")[0]
