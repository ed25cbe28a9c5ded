"""One child process: bound to the supervisor's life, started again when it ends."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway.supervisor.backoff import Backoff
from gateway.supervisor.logfile import open_log
from gateway.supervisor.parent_death import die_with_parent
from gateway.supervisor.ready import READY_FILE_VARIABLE


@dataclass(frozen=True)
class Program:
    """What to run, and when it is stopped.

    Attributes:
        stop_turn: Children of the lowest turn are stopped first, those of one turn together.
        answers: How to see that it serves; None when the process says so itself by making its ready file.
        mend: Called before it is started again after it gave up by itself, which a kill is not.
    """

    name: str
    command: tuple[str, ...]
    stop_turn: int
    answers: Callable[[], bool] | None = None
    mend: Callable[[], None] | None = None


@dataclass(frozen=True)
class Ended:
    """A child's end, as the supervisor reports it."""

    child: str
    reason: str
    restart_seconds: float


class Child:
    """A program that is kept running."""

    def __init__(
        self,
        program: Program,
        *,
        log_dir: Path,
        ready_dir: Path,
        environment: Mapping[str, str],
        working_dir: Path | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.program = program
        self.name = program.name
        self.log_path = log_dir / f"{program.name}.log"
        self.early_ends = 0
        self._ready_file = ready_dir / program.name
        self._environment = {**environment, READY_FILE_VARIABLE: str(self._ready_file)}
        self._working_dir = working_dir
        self._backoff = backoff or Backoff()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._was_ready = False
        self._gave_up = False
        self.restart_at: float | None = None

    @property
    def pid(self) -> int | None:
        """The running process, None between an end and the next start."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process; a ready file left from an earlier run is removed first."""
        self._ready_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._ready_file.unlink(missing_ok=True)
        parent_pid = os.getpid()
        with open_log(self.log_path) as log:
            self._process = subprocess.Popen(
                self.program.command,
                env=self._environment,
                cwd=self._working_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent_pid),  # noqa: PLW1509 (this process has one thread)
            )
        self._started_at = time.monotonic()
        self.restart_at = None

    def is_ready(self) -> bool:
        """Whether it serves."""
        if self._process is None:
            return False
        ready = self.program.answers() if self.program.answers else self._ready_file.exists()
        self._was_ready = self._was_ready or ready
        return ready

    def check(self) -> Ended | None:
        """Start it again when its wait is over; say when it has ended since the last check."""
        if self._process is None:
            return self._start_again() if self._is_due() else None
        if not self._has_ended():
            return None
        # What a killed parent left in its session must not hold the port against the next start. The
        # ended process is not yet waited for, so its group cannot be anybody else's.
        self._kill_group()
        status = self._process.wait()
        self._process = None
        self._gave_up = status > 0
        now = time.monotonic()
        if not self._was_ready:
            self.early_ends += 1
        delay = self._backoff.delay_seconds(uptime_seconds=now - self._started_at)
        self.restart_at = now + delay
        return Ended(self.name, _reason(status), delay)

    def _is_due(self) -> bool:
        return self.restart_at is not None and time.monotonic() >= self.restart_at

    def _start_again(self) -> Ended | None:
        try:
            if self._gave_up and self.program.mend is not None:
                self.program.mend()
            self.start()
        except OSError as error:
            # No memory or no process left on this machine now: the others go on, this one is tried later.
            delay = self._backoff.delay_seconds(uptime_seconds=0)
            self.restart_at = time.monotonic() + delay
            return Ended(self.name, f"could not be started: {error.strerror}", delay)
        return None

    def terminate(self) -> None:
        """Ask it to stop; it is not started again."""
        self.restart_at = None
        if self._process is not None and not self._has_ended():
            self._process.send_signal(signal.SIGTERM)

    def is_stopped(self) -> bool:
        """Whether it, asked to stop, has ended; what is left of its session is then ended too."""
        if self._process is None:
            return True
        if not self._has_ended():
            return False
        self._kill_group()
        self._process.wait()
        self._process = None
        return True

    def kill(self) -> None:
        """End it and its whole session now."""
        if self._process is not None:
            self._kill_group()
            self._process.wait()
            self._process = None

    def _has_ended(self) -> bool:
        """Look without reaping: the process id stays taken until ``wait``."""
        if self._process is None:
            return True
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _kill_group(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)


def _reason(status: int) -> str:
    if status < 0:
        return f"killed by signal {-status} ({signal.strsignal(-status)})"
    return f"exit status {status}"
