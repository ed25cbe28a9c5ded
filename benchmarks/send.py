"""How fast instances are sent to a DCMTK storescp that drops them, so that the sender is what is measured."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.bars import DCMSEND, GANTRY, ORTHANC, STOCK
from benchmarks.bench import Bench
from benchmarks.meter import cpu_seconds
from benchmarks.receive import sending
from benchmarks.receivers import Failed, Receiver, orthanc, rest, storescp
from benchmarks.wire import Address, clock
from gateway.env import BASE_DIR

SECONDS = 300
Figures = dict[str, float]
Way = Callable[[Address, list[Path], int, bool, Path], Figures]


def measure(bench: Bench, sender: str, paths: list[Path], associations: int, *, has_nodelay: bool) -> Figures:
    """Send all files once to a fresh sink.

    Args:
        has_nodelay: sink and sender, where DCMTK made them, have TCP_NODELAY=1; else they run as installed.

    Raises:
        Failed: not every instance was stored.
    """
    options = ["--fork", "--ignore"] + (["-pdu", "131072"] if has_nodelay else [])
    with bench.room() as folder, storescp(folder, *options, has_nodelay=has_nodelay) as sink:
        figures = SENDERS[sender](sink.address, paths, associations, has_nodelay, folder)
        if not sink.is_alive():
            raise Failed("the sink ended by itself")
    return figures


def _python(way: str, to: Address, paths: list[Path], associations: int, has_nodelay: bool, folder: Path) -> Figures:
    order = {"way": way, "ae_title": to.ae_title, "port": to.port, "associations": associations}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.forward"],
        cwd=BASE_DIR,
        input=json.dumps({**order, "paths": [str(path) for path in paths]}) + "\n",
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise Failed(f"the sender ended with {done.returncode}: {done.stderr[-300:]}")
    got = json.loads(done.stdout)
    if got["missing"]:
        raise Failed(f"{got['missing']} of {len(paths)} were not stored: {done.stderr[-300:]}")
    return _figures(len(paths), got["seconds"], got["cpu"])


def run_dcmsend(to: Address, paths: list[Path], associations: int, has_nodelay: bool, folder: Path) -> Figures:
    """DCMTK's dcmsend, a process per association; the time has its start in it.

    Raises:
        Failed: one of them does not end well.
    """
    environment = {name: value for name, value in os.environ.items() if name != "TCP_NODELAY"}
    environment |= {"TCP_NODELAY": "1"} if has_nodelay else {}
    command = ["dcmsend", "-aec", to.ae_title, "127.0.0.1", str(to.port)]
    before, began = _children_cpu(), clock()
    children = [
        subprocess.Popen(
            [*command, *map(str, paths[part::associations])],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for part in range(associations)
    ]
    try:
        statuses = [child.wait(SECONDS) for child in children]
        seconds = clock() - began
    finally:
        for child in children:
            child.kill()
            child.wait()
    if any(statuses):
        raise Failed(f"dcmsend ended with {statuses}")
    return _figures(len(paths), seconds, _children_cpu() - before)


def _orthanc(to: Address, paths: list[Path], associations: int, has_nodelay: bool, folder: Path) -> Figures:
    room = folder / "orthanc"
    room.mkdir()
    with orthanc(room, has_nodelay=has_nodelay) as sender:
        with sending(sender.address, paths, 4) as loading:
            loading.start()
            loading.result().check(len(paths))
        modality = {"AET": to.ae_title, "Host": "127.0.0.1", "Port": to.port}
        rest(sender.http_port, "/modalities/SINK", modality, "PUT")
        ids = rest(sender.http_port, "/instances")
        if len(ids) != len(paths):
            raise Failed(f"Orthanc has {len(ids)} of {len(paths)}")
        time.sleep(1)  # it has work of its own after taking them
        cpu, began = cpu_seconds(sender.roots), clock()
        with ThreadPoolExecutor(associations) as pool:
            jobs = list(
                pool.map(partial(_store_job, sender), [ids[part::associations] for part in range(associations)])
            )
        seconds = clock() - began
        failed = sum(int(job["FailedInstancesCount"]) for job in jobs)
        if failed or sum(int(job["InstancesCount"]) for job in jobs) != len(paths):
            raise Failed(f"Orthanc could not send {failed} of {len(paths)}")
        return _figures(len(paths), seconds, cpu_seconds(sender.roots) - cpu)


def _store_job(sender: Receiver, ids: list[str]) -> dict[str, int]:
    job: dict[str, int] = rest(sender.http_port, "/modalities/SINK/store", {"Resources": ids, "Synchronous": True})
    return job


def _figures(count: int, seconds: float, cpu: float) -> Figures:
    return {"sent/s": count / seconds, "cpu s/1000": cpu * 1000 / count}


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


SENDERS: dict[str, Way] = {
    GANTRY: partial(_python, "gantry"),
    DCMSEND: run_dcmsend,
    ORTHANC: _orthanc,
    STOCK: partial(_python, "pynetdicom"),
}
