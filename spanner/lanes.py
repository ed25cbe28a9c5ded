"""A lane for each source: so many questions to it at once, the others wait in line; a slow one holds up nobody else.

Identical questions that are under way share one answer.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from django.db import connection

from spanner import metrics
from spanner.answers import Answer
from spanner.background import settle
from spanner.models import Source, SourceKind

logger = logging.getLogger(__name__)
IDLE_SECONDS = 60
Job = Callable[[], Answer]


@dataclass(frozen=True)
class _Waiting:
    job: Job
    future: "Future[Answer]"


class Lane:
    """Threads that ask one source; they are started when they are needed, and end when they are not."""

    def __init__(self, name: str, width: int, *, keeps_connection: bool = False) -> None:
        self._name, self.width, self.keeps_connection = name, width, keeps_connection
        self._changed = threading.Condition()
        self._line: deque[_Waiting] = deque()
        self._threads = self._idle = 0
        self._is_closed = False
        self._in_line, self._under_way = metrics.IN_LINE.labels(name), metrics.UNDER_WAY.labels(name)
        metrics.LINES.labels(name).set(width)

    @property
    def has_room(self) -> bool:
        """A question would be asked at once."""
        with self._changed:
            return not self._line and (self._idle > 0 or self._threads < self.width)

    def submit(self, job: Job) -> "Future[Answer]":
        """Stand in line; a future that is cancelled before its turn is passed over."""
        waiting = _Waiting(job, Future())
        with self._changed:
            self._line.append(waiting)
            self._in_line.inc()
            if self._idle < len(self._line) and self._threads < self.width:
                self._threads += 1
                # A daemon: a source that says nothing is not to keep a process from ending.
                threading.Thread(target=self._work, name=f"ask-{self._name}", daemon=True).start()
            self._changed.notify()
        return waiting.future

    def close(self) -> None:
        """Its threads end as soon as they have nothing to do; returns when they have ended, or after a while."""
        with self._changed:
            self._is_closed = True
            metrics.LINES.labels(self._name).set(0)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._threads, timeout=5)

    def _work(self) -> None:
        try:
            while (waiting := self._next()) is not None:
                if waiting.future.set_running_or_notify_cancel():
                    self._answer(waiting)
                if not self.keeps_connection:
                    connection.close()  # of dozens of threads each would hold one
        finally:
            connection.close()
            with self._changed:
                self._threads -= 1
                self._changed.notify_all()

    def _next(self) -> _Waiting | None:
        deadline = time.monotonic() + IDLE_SECONDS
        with self._changed:
            self._idle += 1
            try:
                while not self._line:
                    left = deadline - time.monotonic()
                    if self._is_closed or left <= 0:
                        return None
                    self._changed.wait(left)
                self._in_line.dec()
                return self._line.popleft()
            finally:
                self._idle -= 1

    def _answer(self, waiting: _Waiting) -> None:
        def counted() -> Answer:
            with self._under_way.track_inprogress():
                return waiting.job()

        settle(waiting.future, counted)


_lanes: dict[int, Lane] = {}
_shared: "dict[object, Future[Answer]]" = {}
_lock = threading.RLock()


def lane_of(source: Source) -> Lane:
    """The lane of a source in this process."""
    with _lock:
        lane = _lanes.get(source.pk)
        if lane is None or lane.width != source.max_concurrent:
            is_here = source.kind == SourceKind.LOCAL
            lane = _lanes[source.pk] = Lane(source.name, source.max_concurrent, keeps_connection=is_here)
        return lane


def close_lanes() -> None:
    """End all threads; the next question starts new ones."""
    with _lock:
        lanes = list(_lanes.values())
        _lanes.clear()
    for lane in lanes:
        lane.close()


def submit_once(source: Source, key: object, job: Job) -> "Future[Answer]":
    """Stand in line for a source, unless somebody does already with the same question."""
    with _lock:
        shared = _shared.get(key)
        if shared is not None and not shared.cancelled():
            return shared
        future = _shared[key] = lane_of(source).submit(job)
    future.add_done_callback(lambda _: _forget(key, future))
    return future


def _forget(key: object, future: "Future[Answer]") -> None:
    with _lock:
        if _shared.get(key) is future:
            del _shared[key]
