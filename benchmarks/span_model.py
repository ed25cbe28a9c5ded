"""What a federation needs for a load: lines, workers and memory by queueing theory (M/M/c), checked against lanes.

Run ``python -m benchmarks.span_model`` for the tables of docs/federation-scale.md, and with ``--check`` to run Gantry's
own lanes with simulated latencies beside them. Questions come at random (Poisson), and a source takes an exponentially
distributed time: archives are steadier than that, so that waits come out too long rather than too short.
"""

import argparse
import math
import os
import random
import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.figures import percentile

SOURCES = 8
CPU_SECONDS = 0.011  # of Gantry for one query of eight sources (benchmarks/span.py)
ROW_BYTES = 250  # of one match in the cache, compressed and encrypted
CHECKS = ((4, 0.05, 0.5), (4, 0.05, 0.8), (8, 0.05, 0.9))  # lines, seconds, load
CHECK_SECONDS = 40.0


@dataclass(frozen=True)
class Lines:
    """One source with so many lines to it.

    Attributes:
        seconds: that it takes for one question.
        arrivals: questions per second.
    """

    count: int
    seconds: float
    arrivals: float

    @property
    def load(self) -> float:
        """The share of the lines that are busy; from 1 on the line of those who wait grows without end."""
        return self.arrivals * self.seconds / self.count

    @property
    def chance_to_wait(self) -> float:
        """Erlang's C: how likely it is that all lines are taken."""
        if self.load >= 1:
            return 1
        offered, blocked = self.arrivals * self.seconds, 1.0
        for lines in range(1, self.count + 1):  # Erlang's B, without factorials
            blocked = offered * blocked / (lines + offered * blocked)
        return blocked / (1 - self.load * (1 - blocked))

    @property
    def mean_wait(self) -> float:
        """Seconds in line, of all questions."""
        return math.inf if self.load >= 1 else self.chance_to_wait * self.seconds / (self.count * (1 - self.load))

    def wait(self, share: float) -> float:
        """So many seconds that share of all questions wait at most."""
        if self.load >= 1:
            return math.inf
        late = 1 - share
        if self.chance_to_wait <= late:
            return 0
        return math.log(self.chance_to_wait / late) * self.seconds / (self.count * (1 - self.load))


def lines_for(arrivals: float, seconds: float, wait_seconds: float) -> int:
    """The least lines with which 95 % of questions wait no longer."""
    count = max(1, math.ceil(arrivals * seconds))
    while Lines(count, seconds, arrivals).wait(0.95) > wait_seconds:
        count += 1
    return count


def burst_seconds(queries: int, lines: int, seconds: float) -> float:
    """Until the last of so many that come at once is answered."""
    return math.ceil(queries / lines) * seconds


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.span_model")
    parser.add_argument("--check", action="store_true", help="beside measured lanes, some minutes")
    console = Console()
    for table in (_steady(), _bursts()):
        console.print(table)
    if parser.parse_args().check:
        console.print(_check())


def _steady() -> Table:
    found = _table(
        "A steady load",
        "queries/s",
        "from the cache",
        "a source takes",
        "lines to each",
        "busy",
        "cores",
        "Redis MiB/min",
    )
    for arrivals in (7.5, 25, 50, 100):
        for cached in (0.0, 0.5):
            for seconds in (0.1, 0.3):
                asked = arrivals * (1 - cached)
                count = lines_for(asked, seconds, 0.25)
                kept = asked * SOURCES * 60 * ROW_BYTES * 4 / (1 << 20)
                found.add_row(
                    f"{arrivals:g}", f"{cached:.0%}", f"{seconds:g} s", str(count),
                    f"{Lines(count, seconds, asked).load:.0%}", f"{arrivals * CPU_SECONDS:.2f}", f"{kept:.1f}",
                )  # fmt: skip
    return found


def _bursts() -> Table:
    found = _table(
        "1,000 queries at the same moment", "a source takes", "lines to each", "last answer", "whole in 10 s"
    )
    for seconds in (0.1, 0.3, 1.0):
        for count in (4, 16, 32):
            whole = min(1000, int(10 / seconds) * count)
            found.add_row(f"{seconds:g} s", str(count), f"{burst_seconds(1000, count, seconds):.0f} s", str(whole))
    return found


def _check() -> Table:
    """Gantry's own lanes, asked by random, beside the theory."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings.base")
    import django

    django.setup()
    found = _table("Measured lanes", "lines", "load", "mean wait: theory", "measured", "95 %: theory", "measured")
    for count, seconds, load in CHECKS:
        theory, waits = measured(Lines(count, seconds, load * count / seconds), CHECK_SECONDS)
        found.add_row(
            str(count), f"{theory.load:.0%}", _ms(theory.mean_wait), _ms(statistics.mean(waits)),
            _ms(theory.wait(0.95)), _ms(percentile(waits, 0.95)),
        )  # fmt: skip
    return found


def measured(lines: Lines, duration: float) -> tuple[Lines, Sequence[float]]:
    """What the load came to be, and the seconds that questions stood in line of a lane.

    A busy machine sleeps for longer than it is told, so that the theory is given what was, not what was meant.
    """
    from spanner.answers import Answer, State
    from spanner.lanes import Lane

    lane, rnd = Lane("model", lines.count), random.Random(7)  # noqa: S311 (seeded, no secret)
    waits: list[float] = []
    services: list[float] = []
    futures: list[Future[Answer]] = []
    sleep = threading.Event().wait

    def job(since: float, seconds: float) -> Any:
        def ask() -> Answer:
            began = time.monotonic()
            sleep(seconds)
            waits.append(began - since)
            services.append(time.monotonic() - began)
            return Answer("model", State.OK)

        return ask

    began = at = time.monotonic()
    until = at + duration
    while at < until:
        at += rnd.expovariate(lines.arrivals)
        sleep(max(0.0, at - time.monotonic()))
        futures.append(lane.submit(job(time.monotonic(), rnd.expovariate(1 / lines.seconds))))
    arrivals = len(futures) / (time.monotonic() - began)
    for future in futures:
        future.result()
    lane.close()
    return Lines(lines.count, statistics.mean(services), arrivals), waits


def _table(title: str, *columns: str) -> Table:
    found = Table(title=title, title_justify="left")
    for column in columns:
        found.add_column(column, justify="right")
    return found


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


if __name__ == "__main__":
    main()
