"""Whether instances are taken in, and why not: a full disk, one under suspicion, or one that does not answer.

While it is closed, C-STORE is answered with 0xA700 and new associations that would store are rejected for now (PS3.8
9.3.4: 2, 3, 1); on a disk that is only crowded, just the second.
"""

import errno
import os
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path

from studies.disk import disk_use
from studies.marks import Mark
from studies.room import Room
from studies.suspicion import PROBE_SECONDS, Suspicion
from studies.watermarks import Watermarks

POLL_SECONDS = 1
STALL_SECONDS, SLOWEST_BYTES_PER_SECOND = 15, 5_000_000


class IntakeClosed(OSError):
    """Nothing is taken now; ``strerror`` says why."""


@dataclass(frozen=True)
class IntakeReport:
    """The state, in words for people.

    Attributes:
        is_open: instances are taken, on new associations too.
    """

    is_open: bool
    is_suspect: bool
    used_percent: float
    words: str


class Intake:
    """The gate before one spool, in one process.

    Args:
        root: the spool's folder.
        high_percent: share of a disk in use from which on nothing is taken; 100: no watermark.
        marks: the folder of marks that all processes share.
        store: the hot store, when it is on another disk.
        processes: how many take in at once.
    """

    def __init__(
        self, root: Path, high_percent: int, marks: Path, *, store: Path | None = None, processes: int = 1
    ) -> None:
        self._root = root
        self.watermarks = Watermarks(root, high_percent, marks, store)
        self.suspicion = Suspicion(root / "tmp", Mark(marks / "spool.suspect"))
        self.room = Room(root, high_percent, processes)
        self.congestion = ""
        self._refusal = ""
        self._deadlines: dict[int, float] = {}
        self._watcher = 0
        self._lock = threading.Lock()

    def check(self) -> None:
        """Let one instance in; reads what the last poll found, so it costs nothing.

        Raises:
            IntakeClosed: not now.
        """
        if self._refusal:
            raise IntakeClosed(errno.EAGAIN, self._refusal)

    def failed(self, error: OSError) -> None:
        """The spool's disk gave an error: close at once when the disk is at fault or at its watermark."""
        if isinstance(error, IntakeClosed):
            return
        if self.suspicion.consider(error):
            self.poll()

    def waits(self, key: int, size_bytes: int = 0) -> None:
        """A call to the disk begins, of so many bytes; one that takes much too long closes the intake until its end."""
        self._deadlines[key] = time.monotonic() + STALL_SECONDS + size_bytes / SLOWEST_BYTES_PER_SECOND

    def has_waited(self, key: int) -> None:
        """It has ended, whatever came of it."""
        self._deadlines.pop(key, None)

    def poll(self) -> IntakeReport:
        """Look at disks and marks, and set the state for the requests to come.

        Without a lock: a disk that hangs must not hang those who only fail on it. The marks are what stays true.
        """
        used = self._look_at_disks()
        suspicion, stalled = self.suspicion.words(), self._is_stalled()
        is_full, is_crowded = self.watermarks.full.is_reached(), self.watermarks.crowded.is_reached()
        if suspicion:
            reason = f"the disk failed ({suspicion})"
        else:
            reason = "the disk does not answer" if stalled else "the disk is nearly full" if is_full else ""
        self._refusal = reason
        self.congestion = reason or ("the disk is filling up" if is_crowded else "")
        return IntakeReport(not self.congestion, bool(suspicion), used, self._in_words(used, suspicion))

    def watch(self) -> None:
        """Poll from now on, by one thread of this process; to be called after any fork."""
        if self._watcher == os.getpid():
            return
        with self._lock:
            is_ours, self._watcher = self._watcher != os.getpid(), os.getpid()
        if is_ours:
            self.poll()
            threading.Thread(target=_watch, args=(weakref.ref(self),), name="intake", daemon=True).start()

    def _look_at_disks(self) -> float:
        try:
            spool = disk_use(self._root)
            self.room.measure(spool)
            return self.watermarks.update(spool)
        except OSError as error:
            self.suspicion.consider(error)
            return 0

    def _is_stalled(self) -> bool:
        now = time.monotonic()
        return any(now > deadline for deadline in list(self._deadlines.values()))

    def _in_words(self, used: float, suspicion: str) -> str:
        full, crowded = self.watermarks.full, self.watermarks.crowded
        if suspicion:
            return (
                f"The spool's disk failed ({suspicion}): instances are refused until a test of it, "
                f"made every {PROBE_SECONDS} s, passes. Look at the system's log and the disk's health."
            )
        if full.is_reached():
            return (
                f"{used:.0f} % of the disk is in use, the limit is {full.limit} %: instances are refused until it is "
                f"under {full.resume} %. Free space or enlarge the disk."
            )
        if crowded.is_reached():
            return (
                f"{used:.0f} % of the disk is in use: devices that want to store are turned away for now, from "
                f"{crowded.limit} % on and until it is under {crowded.resume} %. Free space or enlarge the disk."
            )
        return f"Writable, {used:.0f} % of its disk is in use."


def _watch(reference: "weakref.ref[Intake]") -> None:
    """Poll and probe until nobody holds the intake any more."""
    while True:
        time.sleep(POLL_SECONDS)
        intake = reference()
        if intake is None:
            return
        intake.suspicion.probe_when_due()
        intake.poll()
        del intake
