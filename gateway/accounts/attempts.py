"""How often a name may be tried from one address: counted in the database, before the password is looked at.

The count is taken first and given back later, so that two hundred attempts at once are no more than the limit. It is in
the database because a cache that is emptied, or away, would let an attacker begin anew.
"""

import logging
import unicodedata
from datetime import timedelta

from django.conf import settings
from django.db.models import Case, F, Q, QuerySet, When
from django.utils import timezone

from gateway.accounts.errors import SignInLocked
from gateway.accounts.locked_out import tell_of
from gateway.accounts.models import FailedSignIn

logger = logging.getLogger(__name__)
KEPT = timedelta(days=1)


def take(username: str, address: str) -> None:
    """Count one attempt.

    Raises:
        SignInLocked: there were too many, or as many as are allowed are being looked at in this moment.
    """
    now, pause = timezone.now(), _pause()
    FailedSignIn.objects.get_or_create(username=normal(username), address=address, defaults={"tried_at": now})
    is_over = Q(locked_until__lte=now) | Q(locked_until=None, tried_at__lte=now - pause)
    # One statement: whoever comes second waits for the row and is judged by what the first left.
    taken = (
        _rows(username, address)
        .filter(is_over | Q(locked_until=None, attempts__lt=settings.GANTRY.sign_in_attempts))
        .update(attempts=Case(When(is_over, then=1), default=F("attempts") + 1), tried_at=now, locked_until=None)
    )
    if not taken:
        raise SignInLocked(_left(username, address))


def fail(username: str, address: str) -> None:
    """What was taken was wrong; the last that is allowed locks."""
    now = timezone.now()
    used_up = _rows(username, address).filter(attempts__gte=settings.GANTRY.sign_in_attempts, locked_until=None)
    if used_up.update(locked_until=now + _pause()):
        # Not the name: people type their password into the wrong field.
        minutes = settings.GANTRY.lockout_minutes
        logger.warning("sign-in locked", extra={"address": address, "minutes": minutes})
        tell_of(f"A user name was locked out at {address or 'every address'} for {minutes} minutes.")
    FailedSignIn.objects.filter(tried_at__lt=now - KEPT).delete()


def give_back(username: str, address: str) -> None:
    """What was taken was right as far as it went: it counts no more, while earlier ones do."""
    _rows(username, address).filter(attempts__gt=0).update(attempts=F("attempts") - 1)


def forget(username: str, address: str) -> None:
    """Somebody is signed in: what went before was he."""
    _rows(username, address).delete()


def locked() -> QuerySet[FailedSignIn]:
    """Who is locked out now, the latest first."""
    return FailedSignIn.objects.filter(locked_until__gt=timezone.now()).order_by("-locked_until", "pk")


def normal(username: str) -> str:
    """The name under which attempts are counted; one that is written differently is the same to people."""
    return unicodedata.normalize("NFKC", username).casefold()[:150]


def _rows(username: str, address: str) -> QuerySet[FailedSignIn]:
    return FailedSignIn.objects.filter(username=normal(username), address=address)


def _left(username: str, address: str) -> int:
    """Seconds until the next attempt may be worth it, at least one."""
    until = _rows(username, address).values_list("locked_until", flat=True).first()
    return 1 if until is None else max(1, round((until - timezone.now()).total_seconds()))


def _pause() -> timedelta:
    return timedelta(minutes=settings.GANTRY.lockout_minutes)
