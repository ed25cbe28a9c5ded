"""Changes to users that must leave somebody who can change them back."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import F, Q
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from gateway.accounts.errors import LastAdministrator
from gateway.accounts.models import Role, User

_ADMINISTRATORS = Q(is_active=True) & (Q(role=Role.ADMINISTRATOR) | Q(is_superuser=True))


def end_sessions(user: User) -> None:
    """End all sessions and refresh tokens of a user, now and for good: to enable him again brings none back."""
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)
    user.refresh_from_db(fields=["session_generation"])
    outstanding = OutstandingToken.objects.filter(user=user, blacklistedtoken=None)
    BlacklistedToken.objects.bulk_create((BlacklistedToken(token=token) for token in outstanding), ignore_conflicts=True)


@contextmanager
def an_administrator_remains() -> Iterator[None]:
    """Run a change of users in a transaction that is undone when no active administrator is left.

    Raises:
        LastAdministrator: none would be left.
    """
    with transaction.atomic():
        # Locked, or two administrators could remove each other at the same moment.
        list(User.objects.select_for_update().filter(_ADMINISTRATORS).values_list("pk"))
        yield
        if not User.objects.filter(_ADMINISTRATORS).exists():
            raise LastAdministrator("This is the last active administrator; make somebody else one first.")
