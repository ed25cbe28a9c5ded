"""Keep a set of children running: start them, wait until they serve, start again what ends, stop in order."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

from gateway.supervisor.child import Child
from gateway.supervisor.errors import CannotStart
from gateway.supervisor.journal import Journal
from gateway.supervisor.logfile import last_lines, rotate
from gateway.supervisor.wake import Wake

logger = logging.getLogger(__name__)

READY_SECONDS = 60.0
STOP_SECONDS = 10.0
ROTATE_EACH_SECONDS = 10.0
# A child that ends so often before it ever served will not serve: say so at once, not after the deadline.
EARLY_ENDS = 3


class Keeper:
    """The children in the order they are started."""

    def __init__(
        self,
        wake: Wake,
        journal: Journal,
        *,
        ready_seconds: float = READY_SECONDS,
        stop_seconds: float = STOP_SECONDS,
    ) -> None:
        self.children: list[Child] = []
        self._wake = wake
        self._journal = journal
        self._ready_seconds = ready_seconds
        self._stop_seconds = stop_seconds

    def start(self, children: Sequence[Child]) -> None:
        """Start these children besides those that run."""
        for child in children:
            self.children.append(child)
            child.start()
            self._journal.started(child.name)

    def wait_until_ready(self) -> bool:
        """Wait until every child serves; False when a stop was asked for meanwhile.

        Raises:
            CannotStart: a child does not serve in time, or ends again and again.
        """
        deadline = time.monotonic() + self._ready_seconds
        while not self._wake.stop_requests:
            missing = [child for child in self.children if not child.is_ready()]
            if not missing:
                return True
            hopeless = [child for child in missing if child.early_ends >= EARLY_ENDS]
            if hopeless or time.monotonic() >= deadline:
                raise CannotStart(_missing_text(hopeless or missing, hopeless=bool(hopeless)))
            self._check()
            self._wake.wait(0.05)
        return False

    def keep_running(self) -> None:
        """Start again whatever ends, until a stop is asked for."""
        rotate_at = time.monotonic() + ROTATE_EACH_SECONDS
        while not self._wake.stop_requests:
            self._check()
            if time.monotonic() >= rotate_at:
                self._rotate_logs()
                rotate_at = time.monotonic() + ROTATE_EACH_SECONDS
            restarts = [child.restart_at for child in self.children if child.restart_at is not None]
            self._wake.wait(min([rotate_at, *restarts]) - time.monotonic())

    def stop(self) -> None:
        """Stop all children, turn by turn; a second request to stop ends what is left at once."""
        self._journal.ends()  # while there is still somebody to carry it on
        requests = self._wake.stop_requests
        ordered = sorted(self.children, key=lambda child: child.program.stop_turn)
        for _, turn in groupby(ordered, key=lambda child: child.program.stop_turn):
            group = list(turn)
            for child in group:
                child.terminate()
            deadline = time.monotonic() + self._stop_seconds
            while time.monotonic() < deadline and self._wake.stop_requests <= max(requests, 1):
                if all(child.is_stopped() for child in group):
                    break
                self._wake.wait(0.05)
            for child in group:
                child.kill()
        self.children.clear()

    def _check(self) -> None:
        self._journal.lives()
        for child in self.children:
            ended = child.check()
            if ended is not None:
                logger.warning("child ended, it is started again", extra=asdict(ended))
                self._journal.ended(ended)

    def _rotate_logs(self) -> None:
        for child in self.children:
            try:
                if rotate(child.log_path):
                    logger.info("log rotated", extra={"child": child.name})
            except OSError as error:
                # A full disk must not end the processes that can still receive and deliver.
                logger.warning("log not rotated", extra={"child": child.name, "error": error.strerror})


def _missing_text(missing: Sequence[Child], *, hopeless: bool) -> str:
    names = ", ".join(child.name for child in missing)
    what = "ended each time it was started" if hopeless else "did not begin to serve in time"
    lines = [f"{names} {what}; the last lines of the log say why."]
    for child in missing:
        lines += [f"--- {child.log_path}", *last_lines(child.log_path)]
    return "\n".join(lines)
