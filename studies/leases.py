"""Rows that are work: whoever takes one has it until its lease ends, and others know it by its token.

For models with the columns ``priority``, ``next_attempt_at``, ``lease_token`` and ``lease_until``.
"""

import secrets
from datetime import datetime, timedelta
from typing import TypeVar

from django.db.models import Model, Q, QuerySet

Row = TypeVar("Row", bound=Model)
LOOKED_AT = 20  # rows, of which others may have taken the first


def is_free(now: datetime, lease: timedelta) -> Q:
    """Nobody has it; a lease is never longer than its length: if it seems so, the clock was set back."""
    return Q(lease_until=None) | Q(lease_until__lt=now) | Q(lease_until__gt=now + 2 * lease)


def take(unfinished: "QuerySet[Row]", now: datetime, *, lease: timedelta, longest_wait: timedelta) -> Row | None:
    """The row whose turn it is, for this worker alone; None when none is due.

    Args:
        unfinished: the rows that are work.
        now: by this host's clock.
        lease: for how long it is ours, unless we renew it.
        longest_wait: nothing is ever put off for longer: what seems so was put off by a clock that ran ahead.
    """
    is_due = Q(next_attempt_at__lte=now) | Q(next_attempt_at__gt=now + longest_wait)
    due = unfinished.filter(is_free(now, lease), is_due)
    for pk in due.order_by("priority", "next_attempt_at", "pk").values_list("pk", flat=True)[:LOOKED_AT]:
        # One conditional update: of two workers that saw the same row, one changes it.
        if due.filter(pk=pk).update(lease_token=secrets.token_hex(16), lease_until=now + lease):
            return unfinished.get(pk=pk)
    return None
