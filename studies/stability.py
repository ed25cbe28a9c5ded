"""When is a series or a study complete: after it has been quiet for a while; a late instance opens it again.

How long that is, depends on the sender (studies.pace). What was received and waits for the index counts as sent: a
study is not quiet while the index is behind.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from studies.changes.models import ChangeKind
from studies.changes.record import record_changes
from studies.models import Series, SourcePace, Study
from studies.pace.learn import learn, quiet_time

BATCH = 200


def complete_quiet(default_seconds: int, *, seen_until: datetime | None = None) -> int:
    """Mark series and studies to which nothing was added for their sender's quiet time; returns how many.

    Args:
        default_seconds: the quiet time of senders of which too little is known.
        seen_until: what was received after this is not indexed yet; None when all is.
    """
    now = timezone.now()
    until = now if seen_until is None else min(now, seen_until)
    quiet = {pace.calling_ae_title: quiet_time(pace, default_seconds) for pace in SourcePace.objects.all()}
    default = timedelta(seconds=default_seconds)
    before = until - min([default, *quiet.values()])
    series = Series.objects.filter(completed_at=None, last_received_at__lt=before)
    studies = Study.objects.filter(completed_at=None, last_received_at__lt=before)
    count = 0
    for title, pks in _by_sender(series.values_list("study__calling_ae_title", "pk")).items():
        count += len(_complete(series.filter(last_received_at__lt=until - quiet.get(title, default)), pks, now))
    for title, pks in _by_sender(studies.values_list("calling_ae_title", "pk")).items():
        completed = _complete_studies(studies.filter(last_received_at__lt=until - quiet.get(title, default)), pks, now)
        learn(title, completed, default_seconds)
        count += len(completed)
    return count


def _by_sender(rows: Iterable[tuple[str, int]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for title, pk in rows:
        found[title].append(pk)
    return found


def _complete_studies(quiet: QuerySet[Any], pks: list[int], now: datetime) -> list[int]:
    """The same for studies, and tell of it in the change feed."""
    completed = []
    for start in range(0, len(pks), BATCH):
        with transaction.atomic():
            done = _complete(quiet, pks[start : start + BATCH], now)
            # Those that are complete now: what came in between has opened its study again.
            rows = Study.objects.filter(pk__in=done, completed_at=now)
            counts = dict(rows.values_list("study_instance_uid", "number_of_study_related_instances"))
            record_changes(ChangeKind.COMPLETED, counts)
        completed += done
    return completed


def _complete(quiet: QuerySet[Any], pks: list[int], now: datetime) -> list[int]:
    """Mark those of these rows that are quiet; returns them.

    An instance that comes in between the two statements makes the second pass its row over.
    """
    completed = []
    for start in range(0, len(pks), BATCH):
        due = list(quiet.filter(pk__in=pks[start : start + BATCH]).values_list("pk", flat=True))
        if due and quiet.filter(pk__in=due).update(completed_at=now):
            completed += due
    return completed
