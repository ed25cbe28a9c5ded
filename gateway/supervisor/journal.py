"""What the supervisor tells of its children and of itself, without a database: it must wait for nothing."""

import os
import time

import psutil

from gateway.nodes.outbox import Outbox
from gateway.nodes.version import running_code
from gateway.supervisor.child import Ended

LIVES_EACH_SECONDS = 5.0


class Journal:
    """Notes for the system page; a process that reaches the database carries them there."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._started_at = time.time()
        self._next_at = 0.0

    def started(self, child: str) -> None:
        """A child was started for the first time."""
        self._outbox.note("started", child)

    def ended(self, ended: Ended) -> None:
        """A child ended that nobody asked to."""
        words = f"{ended.reason}; it is started again in {ended.restart_seconds:.0f} s"
        self._outbox.note("ended", ended.child, words)

    def lives(self) -> None:
        """The supervisor looks after its children; called as often as it likes."""
        now = time.monotonic()
        if now >= self._next_at:
            self._tell(is_stopping=False)
            self._next_at = now + LIVES_EACH_SECONDS

    def ends(self) -> None:
        """All is about to be stopped, because somebody asked for it."""
        self._outbox.note("stopped", "supervisor", "with all its children")
        self._tell(is_stopping=True)

    def _tell(self, *, is_stopping: bool) -> None:
        code = running_code()
        self._outbox.supervisor_lives(
            pid=os.getpid(),
            started_at=self._started_at,
            version=code.version,
            commit=code.commit,
            rss_bytes=_rss_bytes(),
            is_stopping=is_stopping,
        )


def _rss_bytes() -> int:
    """0 where it cannot be asked: no descriptor may be left, and the supervisor goes on all the same."""
    try:
        return int(psutil.Process().memory_info().rss)
    except (psutil.Error, OSError):
        return 0
