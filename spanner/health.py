"""How sources answer, counted minute by minute; written every few seconds, not for every question."""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime

from django.db import DatabaseError, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from spanner.answers import Answer, State
from spanner.models import Source, SourceMinute

logger = logging.getLogger(__name__)
WRITTEN_EVERY_SECONDS = 5.0


@dataclass
class _Counts:
    asked: int = 0
    cached: int = 0
    failed: int = 0
    timed_out: int = 0
    not_asked: int = 0
    matches: int = 0
    milliseconds: float = 0
    slowest: float = 0

    def add(self, answer: Answer) -> None:
        """Count one answer."""
        if answer.age_seconds:
            self.cached += 1
            return
        if answer.state is State.OPEN:
            self.not_asked += 1
            return
        self.asked += 1
        self.failed += answer.state is State.ERROR
        self.timed_out += answer.state is State.TIMEOUT
        self.matches += len(answer.rows)
        self.milliseconds += answer.milliseconds
        self.slowest = max(self.slowest, answer.milliseconds)


_counts: dict[tuple[int, datetime], _Counts] = {}
_lock = threading.Lock()
_written_at = time.monotonic()


def count(source: Source, answer: Answer) -> None:
    """Count an answer; those of the last seconds are lost with the process."""
    minute = timezone.now().replace(second=0, microsecond=0)
    with _lock:
        _counts.setdefault((source.pk, minute), _Counts()).add(answer)


def write_due() -> None:
    """Write what was counted, when it is time; called where a database connection is at hand."""
    global _written_at  # noqa: PLW0603 (of this process)
    with _lock:
        if time.monotonic() - _written_at < WRITTEN_EVERY_SECONDS or not _counts:
            return
        _written_at = time.monotonic()
        due = dict(_counts)
        _counts.clear()
    try:
        for (source_pk, minute), counts in due.items():
            _write(source_pk, minute, counts)
    except DatabaseError as error:
        logger.warning("the health of sources is not written", extra={"error_type": type(error).__name__})


def _write(source_pk: int, minute: datetime, counts: _Counts) -> None:
    with transaction.atomic():
        if not Source.objects.filter(pk=source_pk).exists():
            return
        SourceMinute.objects.bulk_create([SourceMinute(source_id=source_pk, minute=minute)], ignore_conflicts=True)
        SourceMinute.objects.filter(source=source_pk, minute=minute).update(
            asked=F("asked") + counts.asked,
            cached=F("cached") + counts.cached,
            failed=F("failed") + counts.failed,
            timed_out=F("timed_out") + counts.timed_out,
            not_asked=F("not_asked") + counts.not_asked,
            matches=F("matches") + counts.matches,
            milliseconds=F("milliseconds") + round(counts.milliseconds),
            slowest_milliseconds=Greatest(F("slowest_milliseconds"), round(counts.slowest)),
        )
