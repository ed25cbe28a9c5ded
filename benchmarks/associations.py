"""Associations opened and closed per second, and what an open one costs that does nothing."""

import json
import multiprocessing
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Any

from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    MRImageStorage,
)

from benchmarks.figures import percentile
from benchmarks.meter import cpu_seconds
from benchmarks.receivers import Failed, Receiver
from benchmarks.wire import Address, Association, NotAnswered, clock
from gateway.env import BASE_DIR

CALLERS = 8
SECONDS = 3.0
IDLE = 50
IDLE_SECONDS = 4.0
CLASSES = (
    CTImageStorage,
    MRImageStorage,
    ComputedRadiographyImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
)


def measure_opening(receiver: Receiver) -> dict[str, float]:
    """Eight callers open and release as fast as they can for some seconds.

    Raises:
        Failed: an association was not accepted, or the receiver ended.
    """
    command = [sys.executable, "-m", "benchmarks.associations", receiver.address.ae_title, str(receiver.address.port)]
    cpu = cpu_seconds(receiver.roots)
    done = subprocess.run(command, cwd=BASE_DIR, capture_output=True, text=True, timeout=120, check=False)
    spent = cpu_seconds(receiver.roots) - cpu
    if done.returncode != 0 or not receiver.is_alive():
        raise Failed(f"the callers ended with {done.returncode}: {done.stderr[-300:]}")
    got = json.loads(done.stdout)
    if got["problems"]:
        raise Failed(f"{len(got['problems'])} callers failed: {got['problems'][0]}")
    return {
        "associations/s": len(got["seconds"]) / got["took"],
        "p50 ms": percentile(got["seconds"], 0.50) * 1000,
        "p99 ms": percentile(got["seconds"], 0.99) * 1000,
        "cpu ms each": spent * 1000 / len(got["seconds"]),
    }


def measure_idle(receiver: Receiver) -> dict[str, float]:
    """CPU time of the listener for open associations that do nothing, less what it takes without any."""
    without = _cpu_per_second(receiver)
    with ExitStack() as stack:
        for _ in range(IDLE):
            stack.callback(Association(receiver.address, CLASSES).socket.close)
        time.sleep(1)
        among = _cpu_per_second(receiver)
    return {"cpu ms/s each": max(0.0, among - without) * 1000 / IDLE, "cpu ms/s alone": without * 1000}


def _cpu_per_second(receiver: Receiver) -> float:
    cpu, began = cpu_seconds(receiver.listeners), clock()
    time.sleep(IDLE_SECONDS)
    return (cpu_seconds(receiver.listeners) - cpu) / (clock() - began)


def call(address: Address, results: Any) -> None:
    """One caller."""
    seconds: list[float] = []
    problem = ""
    end = clock() + SECONDS
    try:
        while (began := clock()) < end:
            Association(address, CLASSES).release()
            seconds.append(clock() - began)
    except (OSError, NotAnswered) as error:
        problem = f"{type(error).__name__}: {error}"
    results.put((seconds, problem))


def main() -> None:
    """Fork the callers; one line of JSON."""
    address = Address(sys.argv[1], int(sys.argv[2]))
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    began = clock()
    callers = [context.Process(target=call, args=(address, results), daemon=True) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    got = [results.get() for _ in callers]
    took = clock() - began
    seconds = [second for part, _ in got for second in part]
    print(json.dumps({"took": took, "seconds": seconds, "problems": [problem for _, problem in got if problem]}))


if __name__ == "__main__":
    main()
