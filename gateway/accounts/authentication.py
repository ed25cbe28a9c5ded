"""``Authorization: Api-Key <key>``: programs that sign in with a key of their own."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db import connection
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_api_key.permissions import KeyParser

from gateway.accounts.key_use import keep_to_rate, note_use
from gateway.accounts.models import ApiKey, Role
from gateway.accounts.roles import highest_role, needs_to_see_everything, role_may
from studies.sight import Sight

_USABLE = (
    f"SELECT id, hashed_key, name, scopes, last_used_at, requests_per_minute, sees FROM {ApiKey._meta.db_table} "  # noqa: S608
    "WHERE prefix = %s AND NOT revoked AND (expiry_date IS NULL OR expiry_date > %s)"  # (the name is ours)
)


@dataclass(frozen=True)
class KeyHolder:
    """Whoever has an API key, where Django and DRF expect a user."""

    api_key: ApiKey

    pk: ClassVar[None] = None
    id: ClassVar[None] = None
    is_authenticated: ClassVar[bool] = True
    is_anonymous: ClassVar[bool] = False
    is_active: ClassVar[bool] = True

    @property
    def role(self) -> Role | None:
        """The highest role among the key's scopes; None when it may only read the metrics."""
        return highest_role(self.api_key.scopes)

    @property
    def is_administrator(self) -> bool:
        """As of a user."""
        return self.role == Role.ADMINISTRATOR

    @property
    def sees_everything(self) -> bool:
        """As of a user."""
        return self.api_key.sees_everything

    @property
    def sight(self) -> Sight | None:
        """As of a user."""
        return self.api_key.sight

    def has_perm(self, perm: str, obj: Any = None) -> bool:
        """As of a user with this role."""
        if obj is not None or self.role is None or (needs_to_see_everything(perm) and not self.sees_everything):
            return False
        return role_may(self.role, perm)

    def has_perms(self, perms: list[str], obj: Any = None) -> bool:
        """Whether it has all of them."""
        return all(self.has_perm(perm, obj) for perm in perms)

    def get_username(self) -> str:
        """The name of the key; it may stand in a log."""
        return f"API key {self.api_key.name}"

    def __str__(self) -> str:
        return self.get_username()


class ApiKeyAuthentication(BaseAuthentication):
    """The first way in that DRF tries; its header is also what a 401 names."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, ApiKey] | None:
        """The holder of the key in the header; None when the header is absent or of another kind.

        Raises:
            AuthenticationFailed: the key is unknown, revoked or expired; the answer is the same for all three.
            TooManyRequests: it was used more often than it may.
        """
        given = KeyParser().get(request)
        if given is None:
            return None
        api_key = find_api_key(given)
        if api_key is None:
            raise AuthenticationFailed("This API key is unknown, revoked or expired.")
        keep_to_rate(api_key)
        return KeyHolder(api_key), api_key

    def authenticate_header(self, request: Request) -> str:
        """``WWW-Authenticate`` of a 401: without one DRF would answer 403."""
        return KeyParser.keyword


def find_api_key(key: str) -> ApiKey | None:
    """The key's row, when the key is right and may still be used.

    As the library's ``get_from_key``, which takes longer to put its statement together than a search takes in all.
    """
    prefix, _, _ = key.partition(".")
    with connection.cursor() as cursor:
        cursor.execute(_USABLE, [prefix, connection.ops.adapt_datetimefield_value(timezone.now())])
        row = cursor.fetchone()
    if row is None or not ApiKey.objects.key_generator.verify(key, row[1]):
        return None
    pk, hashed_key, name, scopes, used_at, rate, sees = row
    api_key = ApiKey(id=pk, prefix=prefix, hashed_key=hashed_key, name=name, scopes=json.loads(scopes), sees=sees)
    api_key.requests_per_minute, api_key.last_used_at = rate, _as_datetime(used_at)
    note_use(api_key)
    return api_key


def _as_datetime(value: datetime | str | None) -> datetime | None:
    """A moment as the driver gives it: SQLite has text for it."""
    found = parse_datetime(value) if isinstance(value, str) else value
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def api_key_of(request: HttpRequest) -> ApiKey | None:
    """The valid API key in a request's header, for views outside the REST framework."""
    given = KeyParser().get(request)
    return find_api_key(given) if given else None
