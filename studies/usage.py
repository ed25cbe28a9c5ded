"""When a study was read last, for whoever decides where it is stored; to within an hour: reading stays reading."""

import logging
import threading
import time
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Q
from django.utils import timezone

from studies.models import Study

logger = logging.getLogger(__name__)
APART = timedelta(hours=1)
MAXIMUM_REMEMBERED = 10_000
_noted_at: dict[int, float] = {}
_lock = threading.Lock()


def note_use(series_pk: int) -> None:
    """Somebody reads an instance of this series."""
    now = time.monotonic()
    with _lock:
        if now - _noted_at.get(series_pk, -APART.total_seconds()) < APART.total_seconds():
            return
        if len(_noted_at) > MAXIMUM_REMEMBERED:
            _noted_at.clear()
        _noted_at[series_pk] = now
    is_long_ago = Q(used_at=None) | Q(used_at__lt=timezone.now() - APART)
    try:
        Study.objects.filter(is_long_ago, series=series_pk).update(used_at=timezone.now())
    except DatabaseError as error:
        # Whoever reads is not to wait or fail for it: the next one within the hour is not noted, and that is all.
        logger.info("use not noted", extra={"series": series_pk, "reason": str(error)})


def forget() -> None:
    """Note the next use of everything."""
    with _lock:
        _noted_at.clear()
