"""How fast a lane goes: its limit of bytes per second, and how many associations bring it the most."""

import threading
from dataclasses import dataclass, field

GROWTH = 1.1  # an association more has to bring at least this, or it is one too many
MEASURE_SECONDS = 2.0
MEASURE_INSTANCES = 10
SETTLED_MEASUREMENTS = 15  # before it is tried again whether more bring more
SHORTEST_WAIT_SECONDS = 0.001  # what is added to a clock must move it
BURST_SECONDS = 1.0  # of the limit: what a lane that was idle may send at once


class TokenBucket:
    """A limit of bytes per second over all associations of a lane.

    An instance goes while nothing is owed, and is then owed in full: an instance is never cut, the rate holds on
    average.
    """

    def __init__(self, bytes_per_second: int, now: float) -> None:
        """Start with nothing in hand.

        Args:
            bytes_per_second: 0 for no limit.
            now: of a clock in seconds that never goes back.
        """
        self.bytes_per_second = bytes_per_second
        self._balance = 0.0
        self._at = now
        self._lock = threading.Lock()

    def take(self, size_bytes: int, now: float, *, is_urgent: bool = False) -> float:
        """Ask to send so many bytes now.

        Returns:
            0 when they may go, and are counted; else after how many seconds to ask again. What is urgent goes at once,
            and is counted too.
        """
        if not self.bytes_per_second:
            return 0.0
        with self._lock:
            earned = max(now - self._at, 0.0) * self.bytes_per_second
            self._balance = min(self._balance + earned, BURST_SECONDS * self.bytes_per_second)
            self._at = max(now, self._at)
            if self._balance < 0 and not is_urgent:
                return max(-self._balance / self.bytes_per_second, SHORTEST_WAIT_SECONDS)
            self._balance -= size_bytes
            return 0.0


@dataclass
class Meter:
    """How much went while a lane had enough to send, from one measurement to the next."""

    seconds: float = 0.0
    instances: int = 0
    sent_bytes: int = 0

    def add(self, sent_bytes: int) -> None:
        """One more instance was taken."""
        self.instances += 1
        self.sent_bytes += sent_bytes

    def rate_after(self, seconds: float) -> float | None:
        """Bytes per second since the last measurement, once it is long enough to mean something.

        Args:
            seconds: passed since this was last asked.
        """
        self.seconds += seconds
        if self.seconds < MEASURE_SECONDS or self.instances < MEASURE_INSTANCES:
            return None
        rate = self.sent_bytes / self.seconds
        self.begin_anew()
        return rate

    def begin_anew(self) -> None:
        """What was counted says nothing."""
        self.seconds, self.instances, self.sent_bytes = 0.0, 0, 0


@dataclass
class Associations:
    """How many associations a lane has: one more as long as that raises its rate.

    Attributes:
        maximum: the destination's.
        count: how many to have now.
    """

    maximum: int
    count: int = 1
    _rate_before: float = field(default=0.0, repr=False)
    _is_trying: bool = field(default=False, repr=False)
    _settled: int = field(default=0, repr=False)

    def limit(self, maximum: int) -> None:
        """The destination's maximum may have been changed."""
        self.maximum = maximum
        self.count = min(self.count, maximum)

    def measured(self, rate: float) -> None:
        """A rate that was reached while all of them had something to send; in any unit, always the same."""
        if self._is_trying and rate <= self._rate_before * GROWTH:
            self._fall_back()
            return
        self._is_trying = False
        self._settled = max(self._settled - 1, 0)
        if not self._settled and self.count < self.maximum:
            self.count += 1
            self._rate_before, self._is_trying = rate, True

    def refused(self) -> None:
        """The peer did not let another one in."""
        self._fall_back()

    def _fall_back(self) -> None:
        self.count = max(self.count - 1, 1)
        self._is_trying, self._settled = False, SETTLED_MEASUREMENTS
