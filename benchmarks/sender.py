"""The sending process of a measurement: ``python -m benchmarks.sender``, told over its standard input what to do.

It forks one process per association. They load, cut and associate, then wait: ``ready`` goes out, ``go`` comes in, and
the figures go out as one line of JSON. Each association is released as soon as it has sent its share, as a modality
does: an Orthanc whose few threads look at idle associations in turn would answer the others late.
"""

import json
import multiprocessing
import sys
from contextlib import ExitStack
from multiprocessing.context import ForkContext
from pathlib import Path
from typing import Any

from benchmarks.wire import Address, Association, NotAnswered, clock
from dicomnet.part10 import read_file_meta


def send_share(address: Address, paths: list[Path], ready: Any, go: Any, results: Any) -> None:
    """Send these files over one association; puts (outcomes, problem), an outcome being UID, began, ended, status."""
    outcomes: list[tuple[str, float, float, int]] = []
    problem = ""
    try:
        association = Association(address, _classes(paths))
        requests = [association.cut(path, number % 65_535 + 1) for number, path in enumerate(paths)]
    except (OSError, NotAnswered, KeyError) as error:
        ready.release()
        results.put(([], f"{type(error).__name__}: {error}"))
        return
    ready.release()
    go.wait()
    try:
        for request in requests:
            began = clock()
            status = association.store(request)
            outcomes.append((request.sop_instance_uid, began, clock(), status))
        association.release()
    except (OSError, NotAnswered) as error:
        problem = f"{type(error).__name__}: {error}"
    results.put((outcomes, problem))


def _classes(paths: list[Path]) -> list[str]:
    found = set()
    for path in paths:
        with path.open("rb") as file:
            found.add(read_file_meta(file).sop_class_uid)
    return sorted(found)


def main() -> None:
    """Do what the first line of standard input says."""
    order = json.loads(sys.stdin.readline())
    address = Address(order["ae_title"], order["port"], order["is_tls"])
    paths = [Path(path) for path in order["paths"]]
    count = order["associations"]
    context: ForkContext = multiprocessing.get_context("fork")
    ready, go = context.Semaphore(0), context.Event()
    results = context.SimpleQueue()
    with ExitStack() as ended:
        workers = [
            context.Process(target=send_share, args=(address, paths[part::count], ready, go, results), daemon=True)
            for part in range(count)
        ]
        for worker in workers:
            worker.start()
            ended.callback(worker.join, 20)
        for _ in workers:
            ready.acquire()
        print("ready", flush=True)
        sys.stdin.readline()
        began = clock()
        go.set()
        got = [results.get() for _ in workers]
        outcomes = [outcome for part, _ in got for outcome in part]
        problems = [problem for _, problem in got if problem]
        print(json.dumps({"began": began, "outcomes": outcomes, "problems": problems}), flush=True)


if __name__ == "__main__":
    main()
