"""How long to wait before a process that ended is started again."""

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0
STEADY_SECONDS = 60.0


class Backoff:
    """One second, doubling to thirty; a process that ran a minute begins at one second again."""

    def __init__(self, first_seconds: float = FIRST_SECONDS) -> None:
        self._first = first_seconds
        self._next = first_seconds

    def delay_seconds(self, *, uptime_seconds: float) -> float:
        """The wait after a run of this length."""
        if uptime_seconds >= STEADY_SECONDS:
            self._next = self._first
        delay = self._next
        self._next = min(delay * 2, LONGEST_SECONDS)
        return delay
