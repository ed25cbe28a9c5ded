"""Moves as a queue: whoever claims one has it until the lease ends, and only with its token can it be changed."""

import random
from datetime import timedelta
from typing import Any

from django.db.models import F, QuerySet
from django.utils import timezone

from studies.leases import take
from tiering.errors import TierError
from tiering.models import Move, MoveState
from tiering.models.moves import OPEN
from tiering.settings import grace_seconds

LEASE = timedelta(seconds=60)  # a disk that syncs gigabytes says nothing meanwhile
FIRST_BACK_OFF_SECONDS = 10
LONGEST_BACK_OFF_SECONDS = 3600
MAXIMUM_ATTEMPTS = 12  # with the back-off: most of a day
ERROR_LENGTH = 400


class MoveLost(TierError):
    """The move was cancelled, or another worker has it."""


def claim() -> Move | None:
    """The move whose turn it is, for this worker alone; None when none is due."""
    unfinished = Move.objects.filter(state__in=OPEN).select_related("study", "policy")
    return take(unfinished, timezone.now(), lease=LEASE, longest_wait=_longest_wait())


def _longest_wait() -> timedelta:
    """Nothing that waits was told to wait for longer, as the clock was then."""
    return timedelta(seconds=max(LONGEST_BACK_OFF_SECONDS, grace_seconds()) + 60)


def renew(move: Move, done_bytes: int = 0) -> None:
    """Keep the lease, and note what was done since.

    Raises:
        MoveLost: it is not ours any more.
    """
    change(move, lease_until=timezone.now() + LEASE, done_bytes=F("done_bytes") + done_bytes)


def change(move: Move, **values: Any) -> None:
    """Change a move that we hold.

    Raises:
        MoveLost: it is not ours any more.
    """
    if not _held(move).update(**values):
        raise MoveLost(f"move {move.pk} was taken away")


def release(move: Move, **values: Any) -> None:
    """Change it, and let others have it."""
    _held(move).update(lease_token="", lease_until=None, **values)


def failed(move: Move, error: str, *, is_final: bool) -> bool:
    """Note a failure: the move is tried again later, or ends; True when it has ended."""
    attempts = move.attempts + 1
    has_ended = is_final or attempts >= MAXIMUM_ATTEMPTS
    # What has switched is never left half done: only the removal of what nobody reads is missing.
    has_ended = has_ended and move.state != MoveState.SWITCHED
    longest = min(FIRST_BACK_OFF_SECONDS * 2 ** min(attempts - 1, 12), LONGEST_BACK_OFF_SECONDS)
    # Uneven: what one fault stopped does not come back to the location all at once.
    wait = longest * random.uniform(0.5, 1)  # noqa: S311 (nothing to be guessed)
    ended = {"state": MoveState.FAILED, "finished_at": timezone.now()} if has_ended else {}
    release(
        move,
        attempts=min(attempts, 30_000),
        last_error=error[:ERROR_LENGTH],
        next_attempt_at=timezone.now() + timedelta(seconds=wait),
        **ended,
    )
    return has_ended


def _held(move: Move) -> QuerySet[Move]:
    return Move.objects.filter(pk=move.pk, lease_token=move.lease_token, state__in=OPEN)
