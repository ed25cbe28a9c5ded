"""How often passwords may be tried from one address, whatever the names: a few for each of many names are many.

Counted as those of one name are (``attempts``): in the database, before the password is looked at. The count is of a
window that begins with its first attempt, so that the slips of a whole hospital behind one address do not add up.
"""

import logging
from datetime import timedelta

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, When
from django.utils import timezone

from gateway.accounts.errors import SignInLocked
from gateway.accounts.locked_out import tell_of
from gateway.accounts.models import FailedSignIn

logger = logging.getLogger(__name__)
# No name that was typed is counted under it: those are in small letters.
ANY_NAME = "ANY NAME"


def take(address: str) -> None:
    """Count one attempt from an address.

    Raises:
        SignInLocked: there were too many.
    """
    limit = settings.GANTRY.sign_in_attempts_per_address
    if not limit:
        return
    now = timezone.now()
    FailedSignIn.objects.get_or_create(username=ANY_NAME, address=address, defaults={"tried_at": now})
    is_over = Q(locked_until__lte=now) | Q(locked_until=None, tried_at__lte=now - _window())
    taken = (
        _row(address)
        .filter(is_over | Q(locked_until=None, attempts__lt=limit))
        .update(
            attempts=Case(When(is_over, then=1), default=F("attempts") + 1),
            tried_at=Case(When(is_over, then=now), default=F("tried_at")),
            locked_until=None,
        )
    )
    if not taken:
        until = _row(address).values_list("locked_until", flat=True).first()
        raise SignInLocked(1 if until is None else max(1, round((until - now).total_seconds())))


def fail(address: str) -> None:
    """What was taken was wrong; the last that is allowed locks."""
    limit = settings.GANTRY.sign_in_attempts_per_address
    used_up = _row(address).filter(attempts__gte=limit, locked_until=None)
    if limit and used_up.update(locked_until=timezone.now() + _window()):
        minutes = settings.GANTRY.lockout_minutes
        logger.warning("sign-in locked for an address", extra={"address": address, "minutes": minutes})
        tell_of(f"All user names were locked out at {address} for {minutes} minutes: {limit} wrong passwords.")


def give_back(address: str) -> None:
    """What was taken was right: it counts no more, while earlier ones do, for an attacker may have an account."""
    _row(address).filter(attempts__gt=0).update(attempts=F("attempts") - 1)


def _row(address: str) -> QuerySet[FailedSignIn]:
    return FailedSignIn.objects.filter(username=ANY_NAME, address=address)


def _window() -> timedelta:
    return timedelta(minutes=settings.GANTRY.lockout_minutes)
