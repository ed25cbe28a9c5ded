"""Ask for what is on a slower tier to be brought back; said once, however much of it is read."""

import threading
import time

from studies.events import series_wanted
from studies.models import Series

SILENT_SECONDS = 20
MAXIMUM_REMEMBERED = 10_000
_asked_at: dict[int, float] = {}
_lock = threading.Lock()


def want(series_pk: int, *, by: str) -> None:
    """Have a series brought back.

    Args:
        series_pk: of the series.
        by: who reads, for the record of it.
    """
    now = time.monotonic()
    with _lock:
        if now - _asked_at.get(series_pk, -SILENT_SECONDS) < SILENT_SECONDS:
            return
        if len(_asked_at) > MAXIMUM_REMEMBERED:
            _asked_at.clear()
        _asked_at[series_pk] = now
    series_wanted.send(Series, series_pks=[series_pk], asked_by=by)
