"""How long after its acknowledgement an instance can be found, under full load and when there is nothing else to do.

The product's database is asked, read only, every few milliseconds: what is in it is what every query sees.
"""

import time
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import percentile
from benchmarks.gantry import IndexReader, Template, gantry, index_reader
from benchmarks.meter import prewarm
from benchmarks.receive import sending
from benchmarks.receivers import Failed
from benchmarks.wire import Association, clock

POLL_SECONDS = 0.005
SECONDS = 120
ASSOCIATIONS = 16
SINGLE = 20
PAUSE_SECONDS = 0.3


def measure_under_load(bench: Bench, template: Template, paths: list[Path]) -> dict[str, float]:
    """Send over sixteen associations and watch the index meanwhile.

    Raises:
        Failed: not every instance was acknowledged and found.
    """
    with bench.room() as folder, gantry(folder, template) as (receiver, running), index_reader(running) as reader:
        prewarm(folder, sum(path.stat().st_size for path in paths))
        with sending(receiver.address, paths, ASSOCIATIONS) as sender:
            sender.start()
            found = _watch(reader, len(paths))
            sent = sender.result()
        sent.check(len(paths))
    missing = {uid for uid, *_ in sent.outcomes} - found.keys()
    if missing:
        raise Failed(f"{len(missing)} of {len(paths)} were not found")
    return _figures([max(0.0, found[uid] - ended) for uid, _, ended, _ in sent.outcomes])


def measure_idle(bench: Bench, template: Template, paths: list[Path]) -> dict[str, float]:
    """Send one instance now and then, and wait until it is found.

    Raises:
        Failed: one was refused or never found.
    """
    waits = []
    with bench.room() as folder, gantry(folder, template) as (receiver, running), index_reader(running) as reader:
        association = Association(receiver.address)
        for number, path in enumerate(paths[:SINGLE]):
            time.sleep(PAUSE_SECONDS)
            status = association.store(association.cut(path, number + 1))
            if status != 0:
                raise Failed(f"refused with 0x{status:04X}")
            acknowledged = clock()
            found = _watch(reader, 1)
            if not found:
                raise Failed("an instance was not found")
            waits.append(max(0.0, *(at - acknowledged for at in found.values())))
        association.release()
    return _figures(waits)


def _watch(reader: IndexReader, count: int) -> dict[str, float]:
    found: dict[str, float] = {}
    deadline = clock() + SECONDS
    while len(found) < count and clock() < deadline:
        uids = reader.newly_found()
        now = clock()
        found.update(dict.fromkeys(uids, now))
        time.sleep(POLL_SECONDS)
    return found


def _figures(seconds: list[float]) -> dict[str, float]:
    return {
        "p50 ms": percentile(seconds, 0.50) * 1000,
        "p95 ms": percentile(seconds, 0.95) * 1000,
        "most ms": max(seconds) * 1000,
    }
