"""What wakes the supervisor: a request to stop, or a child that ended."""

import os
import select
import signal
from types import FrameType, TracebackType
from typing import Self

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Wake:
    """Notes requests to stop, and lets the supervisor sleep until something happens."""

    def __init__(self) -> None:
        self.stop_requests = 0
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        for number in STOP_SIGNALS:
            # Under nohup the end of the terminal is no reason to stop.
            if not (number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN):
                signal.signal(number, self._note_stop)
        signal.signal(signal.SIGCHLD, self._note_child)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.set_wakeup_fd(-1)
        for number in (*STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.close(self._read)
        os.close(self._write)

    def wait(self, seconds: float) -> None:
        """Sleep until a signal comes, at most so long."""
        readable, _, _ = select.select([self._read], [], [], max(0.0, seconds))
        if readable:
            os.read(self._read, 512)

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_requests += 1

    def _note_child(self, number: int, frame: FrameType | None) -> None:
        """Python writes to the wake-up pipe only for signals that have a handler."""
