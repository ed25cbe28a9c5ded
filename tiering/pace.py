"""How fast a move goes, and that it notices what happens to it: its location's bandwidth, what comes in, its lease."""

import time
from collections.abc import Callable, Iterable, Iterator

from studies.dimse import local_spool

BEAT_SECONDS = 5
WORK_SECONDS = 0.1  # at most so long it goes on before it looks whether instances come in
LOOK_SECONDS = 0.05
LATELY_SECONDS = 0.5  # shorter than between instances that come one by one, longer than a busy disk takes to sync
# While they come in it goes on for a twentieth of the time: with all its synced writes receiving has the disk to
# itself then, nearly, and a disk that fills is cleared even so.
WAITS_TIMES = 19
LONGEST_WORK_SECONDS = 1  # that is made up for: what waits on a slow line has done no harm meanwhile


class Pacer:
    """Lets bytes through, and is asked about each piece: to count, to slow down, to stop."""

    def __call__(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces."""
        for piece in pieces:
            self.passes(len(piece))
            yield piece

    def passes(self, count: int) -> None:
        """So many bytes go through now; may wait, and may raise to stop."""


class MovePacer(Pacer):
    """Keeps below a rate, and calls about each BEAT_SECONDS.

    Args:
        bytes_per_second: None: as fast as it goes.
        beat: called with the bytes since the last call; what it raises stops the move.
        gives_way_to: asked now and then whether something is going on that comes first.
    """

    def __init__(
        self,
        bytes_per_second: int | None,
        beat: Callable[[int], None],
        *,
        gives_way_to: Callable[[], bool] = lambda: False,
    ) -> None:
        self._rate, self._beat, self._gives_way_to = bytes_per_second, beat, gives_way_to
        self._began_at = self._beaten_at = self._worked_since = time.monotonic()
        self._passed = self._untold = 0

    def passes(self, count: int) -> None:
        """See Pacer."""
        self._passed += count
        self._untold += count
        now = time.monotonic()
        if self._rate and (ahead := self._passed / self._rate - (now - self._began_at)) > 0:
            time.sleep(min(ahead, BEAT_SECONDS))
        if (worked := now - self._worked_since) > WORK_SECONDS:
            self._give_way(min(worked, LONGEST_WORK_SECONDS))
        if now - self._beaten_at > BEAT_SECONDS:
            self.tell()

    def _give_way(self, worked: float) -> None:
        until = time.monotonic() + WAITS_TIMES * worked
        while time.monotonic() < until and self._gives_way_to():
            time.sleep(LOOK_SECONDS)
        self._worked_since = time.monotonic()

    def tell(self) -> None:
        """Call now."""
        untold, self._untold = self._untold, 0
        self._beaten_at = time.monotonic()
        self._beat(untold)


def instances_come_in() -> bool:
    """Whether instances come in so fast that they need the disk."""
    return 0 <= time.time() - local_spool().changed_at() < LATELY_SECONDS
