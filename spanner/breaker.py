"""Leaves a source alone that fails, and tries it again now and then, without anybody having to wait for it.

Its state is in the source's row, so that all processes know it, and costs nothing while all is well.
"""

import logging
from datetime import datetime, timedelta

from django.db import DatabaseError
from django.db.models import F
from django.utils import timezone

from spanner.answers import Answer
from spanner.models import Source

logger = logging.getLogger(__name__)
FAILURES = 3  # in a row, before it is left alone
FIRST_SECONDS, LONGEST_SECONDS = 5, 60
TOLD_AGAIN = timedelta(seconds=30)  # that all is well is written so often
ERROR_LENGTH = 300


def is_open(source: Source, now: datetime) -> bool:
    """It is asked nothing now; nor at the moment of a trial, whose outcome decides for the next question."""
    return source.failures_in_a_row >= FAILURES and source.open_until is not None


def claim_trial(source: Source, now: datetime) -> bool:
    """The time is over, and it is ours alone to try whether the source answers again."""
    if source.open_until is None or now < source.open_until <= now + _longest(source):
        return False
    again = now + timedelta(seconds=max(FIRST_SECONDS, source.timeout_seconds))
    return bool(Source.objects.filter(pk=source.pk, open_until=source.open_until).update(open_until=again))


def _longest(source: Source) -> timedelta:
    """It is never left alone for longer: what seems so was written by a clock that ran ahead."""
    return timedelta(seconds=LONGEST_SECONDS + source.timeout_seconds)


def in_words(source: Source, now: datetime) -> str:
    """Why it is not asked, and when it will be."""
    left = (source.open_until - now).total_seconds() if source.open_until else 0
    when = f"asked again in {left:.0f} s" if left > 0 else "being tried again now"
    return f"not asked: it failed {source.failures_in_a_row} times in a row ({source.last_error}); {when}"


def note(source: Source, answer: Answer) -> None:
    """Remember what an answer says of the source's health; an answer is worth more than what is remembered of it."""
    try:
        _note(source, answer)
    except DatabaseError as error:
        logger.warning("how a source answered is not remembered", extra={"error_type": type(error).__name__})


def _note(source: Source, answer: Answer) -> None:
    now = timezone.now()
    row = Source.objects.filter(pk=source.pk)
    if answer.is_alive:
        is_told = source.last_success_at is not None and now - source.last_success_at < TOLD_AGAIN
        if source.failures_in_a_row or not is_told:
            row.update(failures_in_a_row=0, open_until=None, last_success_at=now)
        return
    row.update(
        failures_in_a_row=F("failures_in_a_row") + 1,
        last_failure_at=now,
        last_error=answer.error[:ERROR_LENGTH],
    )
    failures = row.values_list("failures_in_a_row", flat=True).first() or 0
    if failures >= FAILURES:
        wait = min(FIRST_SECONDS * 2 ** min(failures - FAILURES, 10), LONGEST_SECONDS)
        row.update(open_until=now + timedelta(seconds=wait))
