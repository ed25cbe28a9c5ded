"""pynetdicom's client without its race, for tests that send one message after another.

Its thread looks for requests of the peer between two messages, and says so in ``_is_paused``. A caller that sees the
value of before sends, and the thread may take the response off the queue and drop it as unexpected: the caller waits
for its whole timeout. Here the value is what the thread does.
"""

from functools import wraps
from threading import Event
from typing import Any

from pynetdicom.association import Association


class _Checkpoint(Event):
    """The event that a client's thread passes; whoever closes it learns only afterwards that the thread waits."""

    def __init__(self, assoc: Association) -> None:
        super().__init__()
        self._assoc = assoc
        self.set()

    def clear(self) -> None:
        """Close it; what was said of the thread until now counts no more."""
        with self._cond:  # type: ignore[attr-defined]
            self._flag = False
            self._assoc._is_paused = False

    def wait(self, timeout: float | None = None) -> bool:
        """Pass, or say that one waits."""
        with self._cond:  # type: ignore[attr-defined]
            if not self._flag:
                self._assoc._is_paused = True
                self._cond.wait(timeout)  # type: ignore[attr-defined]
            return self._flag


def mend() -> None:
    """Give every association that a test opens this checkpoint; those that the product accepts stay as they are."""
    begin = Association.__init__

    @wraps(begin)
    def mended(self: Association, ae: Any, mode: str) -> None:
        begin(self, ae, mode)
        if mode == "requestor":
            self._reactor_checkpoint = _Checkpoint(self)

    Association.__init__ = mended  # type: ignore[method-assign]
