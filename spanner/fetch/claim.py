"""Fetches as a queue: whoever claims one has it until the lease ends, and only with its token can it be changed."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from spanner.errors import FetchLost
from spanner.models import Fetch, FetchState
from spanner.models.fetches import OPEN
from studies.leases import is_free, take

LEASE = timedelta(seconds=30)
AT_ONCE = 4  # of all processes: so many studies come in at the same time, beside what devices send
FIRST_BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS = 5, 600
LONGEST_WAIT = timedelta(seconds=LONGEST_BACK_OFF_SECONDS + 60)
MAXIMUM_ATTEMPTS = 6
ERROR_LENGTH = 400


def claim() -> Fetch | None:
    """The fetch whose turn it is, for this worker alone; None when none is due, or enough are under way."""
    now = timezone.now()
    unfinished = Fetch.objects.filter(state__in=OPEN).select_related("config")
    if unfinished.exclude(is_free(now, LEASE)).count() >= AT_ONCE:
        return None
    return take(unfinished, now, lease=LEASE, longest_wait=LONGEST_WAIT)


def change(fetch: Fetch, **values: Any) -> None:
    """Change a fetch that we hold, and keep the lease.

    Raises:
        FetchLost: it is not ours any more.
    """
    if not _held(fetch).update(lease_until=timezone.now() + LEASE, **values):
        raise FetchLost(f"fetch {fetch.pk} was cancelled, or another worker has it")


def release(fetch: Fetch, **values: Any) -> None:
    """Change it, and let others have it."""
    _held(fetch).update(lease_token="", lease_until=None, **values)


def failed(fetch: Fetch, error: str, *, is_final: bool, counts: bool = True) -> bool:
    """Note a failure: the fetch is tried again later, or ends; True when it has ended.

    Args:
        fetch: that we hold.
        error: why, in words.
        is_final: trying again would change nothing.
        counts: among the attempts that it has.
    """
    attempts = fetch.attempts + 1
    has_ended = is_final or (counts and attempts >= MAXIMUM_ATTEMPTS)
    wait = min(FIRST_BACK_OFF_SECONDS * 2 ** min(attempts - 1, 10), LONGEST_BACK_OFF_SECONDS)
    now = timezone.now()
    ended = {"state": FetchState.FAILED, "finished_at": now} if has_ended else {"state": FetchState.WAITING}
    release(
        fetch,
        attempts=attempts if counts else fetch.attempts,
        last_error=error[:ERROR_LENGTH],
        next_attempt_at=now + timedelta(seconds=wait),
        **ended,
    )
    return has_ended


def _held(fetch: Fetch) -> QuerySet[Fetch]:
    return Fetch.objects.filter(pk=fetch.pk, lease_token=fetch.lease_token, state__in=OPEN)
