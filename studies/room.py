"""Room on the spool's disk, shared out before it is written: large transfers cannot pass the watermark together.

A C-STORE request does not say how long its data set is. So each transfer asks for a step ahead of what it writes, out
of what this process may write until the disk is looked at again.
"""

import errno
import threading
from pathlib import Path

from studies.disk import DiskUse, disk_use

LARGEST_STEP, SMALLEST_STEP = 4 << 20, 64 << 10
STEPS_OF_A_DISK = 4096  # so that a small disk is not taken up by promises


class Room:
    """What this process may still write to one disk.

    Args:
        folder: on that disk.
        high_percent: share of bytes and of inodes from which on nothing is written; 100 promises without looking.
        processes: how many write to it at once; each gets its part.
    """

    def __init__(self, folder: Path, high_percent: int, processes: int) -> None:
        self._folder = folder
        self._high_percent = high_percent
        self._processes = processes
        self._lock = threading.Lock()
        self._bytes = self._files = 0
        self._promised = 0
        self.step = SMALLEST_STEP

    def measure(self, use: DiskUse) -> None:
        """Begin again with what the disk has left below the watermark."""
        with self._lock:
            self._measure(use)

    def begin(self) -> int:
        """A transfer begins: one file and the first step; returns the step's bytes.

        Raises:
            OSError: ENOSPC, the watermark would be passed.
        """
        with self._lock:
            step = self._take(self.step)
            self._files -= 1
            return step

    def go_on(self, step: int, wanted: int) -> int:
        """The last step is written, and so much more is coming; returns the next step's bytes.

        Raises:
            OSError: ENOSPC, the watermark would be passed; the last step is still the transfer's.
        """
        with self._lock:
            self._promised -= step
            try:
                return self._take(max(wanted, self.step))
            except OSError:
                self._promised += step
                raise

    def end(self, step: int, unwritten: int) -> None:
        """A transfer is over; what it did not write of its last step is free again."""
        with self._lock:
            self._promised -= step
            self._bytes += unwritten

    def _take(self, wanted: int) -> int:
        if self._high_percent < 100:
            if self._bytes < wanted or self._files < 1:
                self._measure(disk_use(self._folder))
            if self._bytes < wanted or self._files < 1:
                raise OSError(errno.ENOSPC, "the disk is nearly full")
            self._bytes -= wanted
        self._promised += wanted
        return wanted

    def _measure(self, use: DiskUse) -> None:
        self.step = min(max(use.total_bytes // STEPS_OF_A_DISK, SMALLEST_STEP), LARGEST_STEP)
        kept = use.total_bytes * (100 - self._high_percent) // 100
        self._bytes = (use.free_bytes - kept) // self._processes - self._promised
        kept_files = use.files * (100 - self._high_percent) // 100
        self._files = (use.free_files - kept_files) // self._processes if use.files else 1 << 30
