"""Watermarks of the disks that instances go to: crowded, then full, each with hysteresis, seen by all processes.

Crowded begins some percent before full, and each ends some percent below where it began, so that a disk at the edge
does not open and close with every file. What is left above "full" is the reserve of the database, if it is on that
disk.
"""

import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from studies.disk import DiskUse, disk_use
from studies.marks import Mark

logger = logging.getLogger(__name__)
CROWDED_BELOW_FULL, RESUME_BELOW = 7, 5  # percent of the disk
# So many files without rows need room in the database too: on a crowded disk they count as a full one.
BACKLOG_FILES, BACKLOG_SECONDS = 200_000, 10


@dataclass
class Watermark:
    """One of the two.

    Attributes:
        limit: percent in use from which on it is reached.
        meaning: what that means for senders, for the log.
    """

    mark: Mark
    limit: int
    meaning: str

    @property
    def resume(self) -> int:
        """Percent in use below which it is over."""
        return self.limit - RESUME_BELOW

    def is_reached(self) -> bool:
        """Whether it is, for all processes."""
        return bool(self.mark.words())

    def reach(self, used_percent: float) -> None:
        """Set it."""
        if self.mark.set(f"{used_percent:.0f} % of a disk is in use"):
            self._log("watermark reached: " + self.meaning, used_percent)

    def update(self, used_percent: float) -> None:
        """Set or clear it, or leave it between the two limits as it is."""
        if used_percent >= self.limit:
            self.reach(used_percent)
        elif used_percent < self.resume and self.mark.clear():
            self._log("watermark left: no longer so that " + self.meaning, used_percent)

    def _log(self, message: str, used_percent: float) -> None:
        logger.warning(message, extra={"used_percent": round(used_percent, 1), "limit_percent": self.limit})


@dataclass
class Watermarks:
    """Those of one spool, in one process.

    Attributes:
        root: the spool's folder.
        high_percent: where full begins; 100 or more: there are none.
        marks: the folder of marks.
        store: the hot store when it is on another disk, whose being full would fill the spool next.
    """

    root: Path
    high_percent: int
    marks: Path
    store: Path | None = None
    full: Watermark = field(init=False)
    crowded: Watermark = field(init=False)
    _counted_at: float = field(init=False, default=0)
    _is_behind: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.full = Watermark(Mark(self.marks / "spool.full"), self.high_percent, "instances are refused")
        self.crowded = Watermark(
            Mark(self.marks / "spool.crowded"),
            self.high_percent - CROWDED_BELOW_FULL,
            "associations that would store are turned away",
        )

    def update(self, spool: DiskUse) -> float:
        """Compare with the limits; returns the percent in use of the fuller disk."""
        used = max(spool.used_percent, self._store_percent())
        if self.high_percent >= 100:
            self.crowded.mark.clear()
            self.full.mark.clear()
            return used
        self.crowded.update(used)
        if self.crowded.is_reached() and self._is_index_behind():
            self.full.reach(used)
        else:
            self.full.update(used)
        return used

    def _store_percent(self) -> float:
        if self.store is None:
            return 0
        try:
            return disk_use(self.store).used_percent
        except OSError:
            return 0  # away, not full: the spool takes in until its own watermark

    def _is_index_behind(self) -> bool:
        now = time.monotonic()
        if now > self._counted_at + BACKLOG_SECONDS:
            self._counted_at = now
            self._is_behind = sum(map(_count, (self.root / "new").iterdir())) > BACKLOG_FILES
        return self._is_behind


def _count(folder: Path) -> int:
    with os.scandir(folder) as entries:
        return sum(1 for _ in entries)
