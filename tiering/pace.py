"""How fast a move goes, and that it notices what happens to it: the bandwidth of its location, and its lease."""

import time
from collections.abc import Callable, Iterable, Iterator

BEAT_SECONDS = 5


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
    """

    def __init__(self, bytes_per_second: int | None, beat: Callable[[int], None]) -> None:
        self._rate, self._beat = bytes_per_second, beat
        self._began_at = self._beaten_at = time.monotonic()
        self._passed = self._untold = 0

    def passes(self, count: int) -> None:
        """See Pacer."""
        self._passed += count
        self._untold += count
        now = time.monotonic()
        if self._rate and (ahead := self._passed / self._rate - (now - self._began_at)) > 0:
            time.sleep(min(ahead, BEAT_SECONDS))
        if now - self._beaten_at > BEAT_SECONDS:
            self.tell()

    def tell(self) -> None:
        """Call now."""
        untold, self._untold = self._untold, 0
        self._beaten_at = time.monotonic()
        self._beat(untold)
