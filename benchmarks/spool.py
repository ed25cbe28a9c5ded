"""How many instances a second the spool makes durable, by threads and processes; each alone, or in groups.

Run ``python -m benchmarks.spool``. No network: threads write instances straight into a spool on the disk of
``--folder``. "Written" leaves out every sync and is what the disk and Python allow; "grouped" has one thread sync the
folder for all that wait (docs/adr/0006). The variants run in turn, and the table shows medians.
"""

import argparse
import multiprocessing
import os
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dicomnet.services import StoreRequest
from dicomnet.statuses import StoreStatus
from studies.sink import SpoolSink
from studies.spool import Spool
from studies.ulid import new_ulid
from tests.corpus import CT, EXPLICIT, data_set, element

PIECE_BYTES = 128 << 10
REQUEST = StoreRequest(CT, "1.2.3", EXPLICIT, "BENCH", "GANTRY", "127.0.0.1")


class WrittenSink(SpoolSink):
    """Names its file and syncs nothing."""

    def _make_durable(self) -> None:
        ulid = new_ulid()
        name_files(self._spool.next_shard(), {ulid: self._fd}, is_synced=False)


def name_files(folder: str, files: dict[str, int], *, is_synced: bool) -> None:
    """Give open files without names their names in a folder, and sync that once."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for ulid, file in files.items():
            os.link(f"/proc/self/fd/{file}", f"{ulid}.dcm", dst_dir_fd=fd, follow_symlinks=True)
        if is_synced:
            os.fsync(fd)
    finally:
        os.close(fd)


@dataclass(eq=False)
class Waiting:
    """A synced file that waits for its name to be durable."""

    fd: int
    error: OSError | None = None
    is_done: bool = False


@dataclass
class Group:
    """The first that comes names the files of all who wait and syncs their folder once; the others only wait."""

    spool: Spool
    waiting: list[Waiting] = field(default_factory=list)
    condition: threading.Condition = field(default_factory=threading.Condition)
    is_led: bool = False

    def commit(self, fd: int) -> None:
        """Name a synced file durably.

        Raises:
            OSError: for every file of the group whose folder could not be synced.
        """
        mine = Waiting(fd)
        with self.condition:
            self.waiting.append(mine)
            while self.is_led and not mine.is_done:
                self.condition.wait()
            if not mine.is_done:
                self.is_led = True
                batch, self.waiting = self.waiting, []
        if not mine.is_done:
            error = self._commit(batch)
            with self.condition:
                for entry in batch:
                    entry.error, entry.is_done = error, True
                self.is_led = False
                self.condition.notify_all()
        if mine.error:
            raise mine.error

    def _commit(self, batch: list[Waiting]) -> OSError | None:
        files = {new_ulid(): entry.fd for entry in batch}
        try:
            name_files(self.spool.next_shard(), files, is_synced=True)
        except OSError as error:
            return error
        return None


class GroupedSink(SpoolSink):
    """Syncs its file itself and leaves name and folder to the group."""

    group: Group

    def _make_durable(self) -> None:
        os.fdatasync(self._fd)
        self.group.commit(self._fd)


def grouped(spool: Spool) -> type[SpoolSink]:
    """Sinks of one process that share a group."""
    return type("Grouped", (GroupedSink,), {"group": Group(spool)})


VARIANTS: dict[str, Callable[[Spool], type[SpoolSink]]] = {
    "written": lambda _: WrittenSink,
    "each alone": lambda _: SpoolSink,
    "grouped": grouped,
}


@dataclass(frozen=True)
class Figures:
    """One run: instances a second, CPU milliseconds per instance, and seconds that each commit took."""

    rate: float
    cpu_ms: float
    seconds: list[float]

    def percentile_ms(self, percent: int) -> float:
        """Milliseconds that so many percent of the commits took at most."""
        return sorted(self.seconds)[len(self.seconds) * percent // 100 - 1] * 1000


def run(folder: Path, variant: str, *, threads: int, processes: int, size_bytes: int, count: int) -> Figures:
    """Store ``count`` instances from ``threads`` in all, spread over processes."""
    shutil.rmtree(folder, ignore_errors=True)
    Spool(folder, 100).prepare()
    context = multiprocessing.get_context("fork")
    barrier, results = context.Barrier(processes + 1), context.SimpleQueue()

    def work() -> None:
        spool = Spool(folder, 100)
        sink_class = VARIANTS[variant](spool)
        seconds: list[float] = []
        each = count // threads
        workers = [
            threading.Thread(target=store_many, args=(spool, sink_class, size_bytes, each, seconds))
            for _ in range(threads // processes)
        ]
        barrier.wait()
        cpu = time.process_time()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        results.put((time.process_time() - cpu, seconds))

    children = [context.Process(target=work) for _ in range(processes)]
    for child in children:
        child.start()
    barrier.wait()
    began = time.perf_counter()
    for child in children:
        child.join()
    elapsed = time.perf_counter() - began
    if any(child.exitcode for child in children):
        raise SystemExit("a process failed")
    found = [results.get() for _ in children]
    seconds = [value for _, values in found for value in values]
    return Figures(len(seconds) / elapsed, sum(cpu for cpu, _ in found) * 1000 / len(seconds), seconds)


def store_many(spool: Spool, sink_class: type[SpoolSink], size_bytes: int, count: int, seconds: list[float]) -> None:
    """What a receiving thread does, without its network."""
    data = data_set(sop_instance_uid=b"1.2.3", late=element(0x7FE00010, "OW", bytes(size_bytes)))
    pieces = [memoryview(data)[start : start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES)]
    for _ in range(count):
        sink = sink_class(spool, REQUEST)
        for piece in pieces:
            sink.write(piece)
        began = time.perf_counter()
        answer = sink.commit()
        seconds.append(time.perf_counter() - began)
        if answer.status != StoreStatus.SUCCESS:
            print(f"refused: {answer.comment}")
            os._exit(1)  # the process, whichever thread this is


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; by default a temporary one")
    parser.add_argument("--count", type=int, default=800)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=[130_000, 525_000])
    options = parser.parse_args()
    table = Table("bytes", "threads", "processes", "variant", "files/s", "commit p50 ms", "p99 ms", "CPU ms each")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for size_bytes in options.sizes:
            for threads, processes in ((1, 1), (4, 1), (4, 2), (16, 1), (16, 2)):
                runs: dict[str, list[Figures]] = {variant: [] for variant in VARIANTS}
                for variant in list(VARIANTS) * options.repeat:
                    runs[variant].append(
                        run(
                            Path(folder) / "spool",
                            variant,
                            threads=threads,
                            processes=processes,
                            size_bytes=size_bytes,
                            count=options.count,
                        )
                    )
                for variant, figures in runs.items():
                    values = (
                        [each.rate for each in figures],
                        [each.percentile_ms(50) for each in figures],
                        [each.percentile_ms(99) for each in figures],
                        [each.cpu_ms for each in figures],
                    )
                    rate, *times = (statistics.median(value) for value in values)
                    what = (size_bytes, threads, processes, variant, round(rate))
                    table.add_row(*map(str, what), *(f"{value:.2f}" for value in times))
    Console().print(table)


if __name__ == "__main__":
    main()
