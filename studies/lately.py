"""What was said lately and need not be said again; of this process, and bounded."""

import threading
import time

MAXIMUM_REMEMBERED = 10_000


class Lately:
    """Remembers keys for some seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[int, float] = {}
        self._lock = threading.Lock()

    def is_new(self, key: int) -> bool:
        """Whether this was not asked within these seconds; from now on it was."""
        now = time.monotonic()
        with self._lock:
            if now - self._since.get(key, -self._seconds) < self._seconds:
                return False
            if len(self._since) >= MAXIMUM_REMEMBERED:
                self._since.clear()
            self._since[key] = now
        return True

    def forget(self) -> None:
        """Everything is new."""
        with self._lock:
            self._since.clear()
