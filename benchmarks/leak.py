"""What the listener holds after thousands of associations, good and bad: ``python -m benchmarks.leak``.

Threads, descriptors and memory of its processes, and files in the spool, are read when nothing is open: at the start,
after a fifth of the associations, and at the end. Good ones store an instance or only open and release; bad ones abort
or close in the middle of a message, ask for nothing, or send what is no PDU.
"""

import argparse
import os
import socket
import struct
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from pydicom.uid import CTImageStorage
from rich.console import Console
from rich.table import Table

from benchmarks.gantry import gantry, prepare
from benchmarks.instances import KINDS, write_instances
from benchmarks.meter import MIB, Holdings, holdings
from benchmarks.receivers import Failed, Receiver, count_files
from benchmarks.wire import ABORT, Address, Association, associate_rq

CALLERS = 8
QUIET_SECONDS = 30.0


def main() -> None:
    """Parse the options, call, show."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.leak", description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--associations", type=int, default=10_000)
    options = parser.parse_args()
    for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="gb-") as name:
        folder = Path(name)
        path = write_instances(folder / "files", KINDS["tiny"], 1)[0]
        template = prepare(folder / "embedded", None)
        with gantry(folder, template) as (receiver, running):
            spool = running.home / "spool"
            readings = [(0, settled(receiver), count_files(spool))]
            for until in (options.associations // 5, options.associations):
                call_all(receiver.address, path, readings[-1][0], until)
                readings.append((until, settled(receiver), count_files(spool)))
                if not receiver.is_alive():
                    raise SystemExit("The listener ended.")
    show(readings)


def call_all(address: Address, path: Path, since: int, until: int) -> None:
    """Open these associations, each in its turn of the ways.

    Raises:
        Failed: a good association was refused.
    """
    with ThreadPoolExecutor(CALLERS) as pool:
        for done in pool.map(lambda number: WAYS[number % len(WAYS)](address, path), range(since, until)):
            if done not in {None, 0}:
                raise Failed(f"a good association was answered with 0x{done:04X}")


def settled(receiver: Receiver) -> Holdings:
    """What the listener holds once its count of threads and descriptors stands still, or the time is over."""
    deadline = time.monotonic() + QUIET_SECONDS
    before = holdings(receiver.listeners)
    while time.monotonic() < deadline:
        time.sleep(2)
        now = holdings(receiver.listeners)
        if (now.threads, now.descriptors) == (before.threads, before.descriptors):
            return now
        before = now
    return before


def show(readings: list[tuple[int, Holdings, int]]) -> None:
    """A table, and the growth of memory."""
    table = Table(title="Listener processes")
    for heading in ("associations", "processes", "threads", "descriptors", "MiB", "files in spool"):
        table.add_column(heading, justify="right")
    for count, held, files in readings:
        cells = (count, held.processes, held.threads, held.descriptors, f"{held.pss_bytes / MIB:.1f}", files)
        table.add_row(*map(str, cells))
    Console().print(table)
    first, last = readings[1][1].pss_bytes, readings[-1][1].pss_bytes
    Console().print(f"Memory from {readings[1][0]} to {readings[-1][0]} associations: {last / first - 1:+.1%}")


def _store(address: Address, path: Path) -> int:
    association = Association(address)
    status = association.store(association.cut(path, 1))
    association.release()
    return status


def _open_and_release(address: Address, path: Path) -> None:
    Association(address).release()


def _abort_within_message(address: Address, path: Path) -> None:
    association = Association(address)
    association.socket.sendall(bytes(association.cut(path, 1).buffers[0]) + ABORT)
    association.socket.close()


def _close_within_fragment(address: Address, path: Path) -> None:
    association = Association(address)
    buffers = association.cut(path, 1).buffers
    association.socket.sendall(bytes(buffers[0]) + bytes(buffers[1]) + bytes(buffers[2])[:100])
    association.socket.close()


def _reset(address: Address, path: Path) -> None:
    association = Association(address)
    association.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    association.socket.close()


def _say(address: Address, words: bytes) -> None:
    # Whether it is answered or closed is the listener's business; a reset is an answer as well.
    with socket.create_connection(("127.0.0.1", address.port), timeout=20) as connection, suppress(OSError):
        connection.sendall(words)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def _garbage(address: Address, path: Path) -> None:
    _say(address, b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n")


def _nothing(address: Address, path: Path) -> None:
    _say(address, b"")


def _half_a_request(address: Address, path: Path) -> None:
    _say(address, associate_rq(address.ae_title, {CTImageStorage: 1})[:60])


def _lies_about_length(address: Address, path: Path) -> None:
    _say(address, b"\x01\x00\xff\xff\xff\xff" + bytes(64))


WAYS: tuple[Callable[[Address, Path], int | None], ...] = (
    _store,
    _abort_within_message,
    _open_and_release,
    _garbage,
    _store,
    _close_within_fragment,
    _reset,
    _nothing,
    _half_a_request,
    _lies_about_length,
)


if __name__ == "__main__":
    main()
