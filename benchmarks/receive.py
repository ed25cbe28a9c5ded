"""How fast and with what a receiver takes instances in, until they are acknowledged and until they are indexed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from benchmarks.figures import percentile
from benchmarks.meter import MIB, cpu_seconds, forget_peaks, peak_bytes, prewarm
from benchmarks.receivers import Failed, Receiver
from benchmarks.wire import Address, clock
from gateway.env import BASE_DIR
from gateway.supervisor.parent_death import die_with_parent

INDEX_SECONDS = 300
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Sent:
    """What the senders saw.

    Attributes:
        began: when the first byte left, on the machine's monotonic clock.
        outcomes: SOP Instance UID, began, ended, status of each request.
    """

    began: float
    outcomes: list[tuple[str, float, float, int]]
    problems: list[str]

    @property
    def ended(self) -> float:
        """When the last answer came."""
        return max((ended for _, _, ended, _ in self.outcomes), default=self.began)

    def check(self, count: int) -> None:
        """Be sure that every instance was acknowledged with success.

        Raises:
            Failed: one was not.
        """
        refused = [status for _, _, _, status in self.outcomes if status != 0]
        if self.problems:
            raise Failed(f"the sender failed: {self.problems[0]}")
        if refused:
            raise Failed(f"{len(refused)} of {count} were refused, the first with 0x{refused[0]:04X}")
        if len(self.outcomes) != count:
            raise Failed(f"{len(self.outcomes)} of {count} were answered")


class Sending:
    """A sending process: associated and ready."""

    def __init__(self, into: IO[str], out_of: IO[str]) -> None:
        self._into, self._out_of = into, out_of

    def start(self) -> None:
        """Start the clock; returns at once."""
        self.say("go")

    def result(self) -> Sent:
        """Wait for the last answer."""
        got: dict[str, Any] = json.loads(self.hear())
        return Sent(got["began"], [tuple(outcome) for outcome in got["outcomes"]], got["problems"])

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        self._into.write(line + "\n")
        self._into.flush()

    def hear(self) -> str:
        """The next line of its standard output.

        Raises:
            Failed: it ended.
        """
        line = self._out_of.readline()
        if not line:
            raise Failed("the sending process ended")
        return line


@contextmanager
def sending(address: Address, paths: list[Path], associations: int) -> Iterator[Sending]:
    """A process that has these files ready on so many open associations."""
    order = {
        "ae_title": address.ae_title,
        "port": address.port,
        "is_tls": address.is_tls,
        "paths": [str(path) for path in paths],
        "associations": associations,
    }
    parent = os.getpid()
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sender"],
        cwd=BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 (an orphan would go on sending)
    ) as child:
        if child.stdin is None or child.stdout is None:
            raise Failed("the sending process has no pipes")
        found = Sending(child.stdin, child.stdout)
        try:
            found.say(json.dumps(order))
            if found.hear().strip() != "ready":
                raise Failed("the sending process is not ready")
            yield found
            child.wait(30)
        finally:
            child.kill()


def measure(receiver: Receiver, paths: list[Path], associations: int, folder: Path) -> dict[str, float]:
    """Send all files once, and read what that took.

    Raises:
        Failed: not every instance was acknowledged and stored, or the receiver ended.
    """
    prewarm(folder, min(sum(path.stat().st_size for path in paths), 2048 * MIB))
    with sending(receiver.address, paths, associations) as sender:
        forget_peaks(receiver.roots)
        cpu = cpu_seconds(receiver.roots)
        sender.start()
        sent = sender.result()
        sent.check(len(paths))
        indexed = wait_until_stored(receiver, len(paths), sent.ended)
        spent = cpu_seconds(receiver.roots) - cpu
        memory = {} if receiver.forks else memory_of(receiver)
    if not receiver.is_alive():
        raise Failed("the receiver ended by itself")
    times = [(ended - began) * 1000 for _, began, ended, _ in sent.outcomes]
    return {
        "acknowledged/s": len(paths) / (sent.ended - sent.began),
        "indexed/s": len(paths) / (indexed - sent.began),
        "p50 ms": percentile(times, 0.50),
        "p95 ms": percentile(times, 0.95),
        "p99 ms": percentile(times, 0.99),
        "cpu s/1000": spent * 1000 / len(paths),
        **memory,
        "stored": receiver.stored(),
    }


def memory_of(receiver: Receiver) -> dict[str, float]:
    """The most that the receiver's processes held since their peaks were forgotten."""
    return {
        "listener MiB": peak_bytes(receiver.listeners) / MIB,
        "tree MiB": peak_bytes(receiver.roots) / MIB,
    }


def wait_until_stored(receiver: Receiver, count: int, since: float) -> float:
    """Wait until the receiver has so many; returns when that was, ``since`` when it was so at once.

    Raises:
        Failed: it never was.
    """
    stored, is_first = receiver.stored(), True
    while stored != count:
        if not receiver.is_alive() or clock() > since + INDEX_SECONDS or stored > count:
            raise Failed(f"{stored} of {count} are stored")
        time.sleep(POLL_SECONDS)
        stored, is_first = receiver.stored(), False
    return since if is_first else clock()
