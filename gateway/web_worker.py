"""The worker that serves HTTP: gunicorn's threads, each of which stays with its connection a moment longer.

Between two requests of one client gunicorn hands the connection back to its loop and takes it from there again, which
costs more than most answers of DICOMweb do. A program that asks one thing after the other is answered without that.
"""

import select
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

LINGER_MILLISECONDS = 20  # as long at most waits who finds all threads lingering


class LingeringWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A thread a connection while its requests follow each other closely; the loop keeps the others, as ever."""

    def handle(self, conn: Any) -> Any:
        """Answer the request that waits, and those that come at once after it; in a thread."""
        kept = super().handle(conn)
        while kept is True and self.alive and not self._is_somebody_waiting() and _has_more(conn):
            kept = super().handle(conn)
        return kept

    def _is_somebody_waiting(self) -> bool:
        return bool(self.tpool._work_queue.qsize())


def _has_more(conn: Any) -> bool:
    """Whether the next request begins within the time of lingering; the loop notices also when the client has gone."""
    if conn.parser.unreader.buf.getvalue():
        return True
    poller = select.poll()
    poller.register(conn.sock, select.POLLIN)
    return bool(poller.poll(LINGER_MILLISECONDS))
