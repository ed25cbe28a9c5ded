"""Changes to users: what each brings with it, and that somebody is left who can change them back."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from gateway.accounts.errors import LastAdministrator
from gateway.accounts.models import Role, Sees, User

# Only who sees everything changes accounts.
_ADMINISTRATORS = Q(is_active=True, sees=Sees.EVERYTHING) & (Q(role=Role.ADMINISTRATOR) | Q(is_superuser=True))


def with_temporary_password(user: User) -> tuple[User, str]:
    """Save a user, new or not, with a password that holds until he has signed in once and chosen his own."""
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.must_change_password = True
    with transaction.atomic():
        user.save()
        end_sessions(user)
    return user, password


def set_own_password(user: User, password: str) -> None:
    """Save the password that a user chose; all his sessions and tokens end."""
    user.set_password(password)
    user.must_change_password = False
    with transaction.atomic():
        user.save(update_fields=["password", "must_change_password"])
        end_sessions(user)


def settle(user: User) -> None:
    """After a user was changed: who is disabled is out at once, and only the role says who is an administrator."""
    if user.is_superuser and user.role != Role.ADMINISTRATOR:
        user.is_superuser = False
        user.save(update_fields=["is_superuser"])
    if not user.is_active:
        end_sessions(user)


def end_sessions(user: User) -> None:
    """End all sessions and tokens of a user, now and for good: to enable him again brings none back."""
    User.objects.filter(pk=user.pk).update(session_generation=F("session_generation") + 1)
    user.refresh_from_db(fields=["session_generation"])


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
            raise LastAdministrator(
                _("This is the last active administrator who sees all studies; make somebody else one first.")
            )
