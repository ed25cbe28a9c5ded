"""The peers as receivers: each a process of its own on loopback, empty at its start, ended with its block."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.wire import Address
from gateway.supervisor.parent_death import die_with_parent
from tests.journeys.product import free_port

START_SECONDS = 60
ORTHANC_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancPostgreSQLIndex.so")


class Failed(Exception):
    """A run that is no measurement: a peer did not start, ended, or lost something."""


@dataclass
class Receiver:
    """Something that takes instances.

    Attributes:
        listeners: processes that hold the associations, parents of whole trees.
        others: further trees that work for it: workers, a database.
        stored: how many instances it really has, indexed where it has an index.
        is_alive: it has not ended by itself.
        http_port: where its REST API listens, if there is one.
        forks: a process for each association, whose memory is gone with it.
    """

    name: str
    address: Address
    listeners: list[int]
    stored: Callable[[], int]
    is_alive: Callable[[], bool]
    others: list[int] = field(default_factory=list)
    http_port: int = 0
    forks: bool = False

    @property
    def roots(self) -> list[int]:
        """All trees that work for it."""
        return [*self.listeners, *self.others]


@contextmanager
def process(command: list[str], *, port: int, log: Path, has_nodelay: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """A child until the block ends; it has to listen on the port.

    Args:
        has_nodelay: give DCMTK, and Orthanc with it, TCP_NODELAY=1; as installed they wait 40 ms for each answer.

    Raises:
        Failed: it ended, or does not listen in time.
    """
    parent = os.getpid()
    environment = {name: value for name, value in os.environ.items() if name != "TCP_NODELAY"}
    with log.open("wb") as out:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment | ({"TCP_NODELAY": "1"} if has_nodelay else {}),
            start_new_session=True,
            preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 (an orphan would hold its port)
        )
    try:
        wait_for_port(port, child, log)
        yield child
    finally:
        # The whole group: storescp leaves a child for each association.
        os.killpg(child.pid, signal.SIGTERM)
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def wait_for_port(port: int, child: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until somebody listens.

    Raises:
        Failed: the child ended, or the time is over.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if child.poll() is not None or time.monotonic() > deadline:
            raise Failed(f"{child.args!r} does not listen: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.02)


@contextmanager
def storescp(folder: Path, *options: str, has_nodelay: bool = True) -> Iterator[Receiver]:
    """DCMTK's storescp with these options."""
    port, out = free_port(), folder / "out"
    out.mkdir()
    command = ["storescp", *options, "-od", str(out), str(port)]
    with process(command, port=port, log=folder / "log.txt", has_nodelay=has_nodelay) as child:
        yield Receiver(
            "storescp",
            Address("ANY-SCP", port),
            [child.pid],
            lambda: count_files(out),
            lambda: child.poll() is None,
            forks="--fork" in options,
        )


@contextmanager
def stock_pynetdicom(folder: Path) -> Iterator[Receiver]:
    """pynetdicom's own server with the fast way of its documentation to write a file."""
    port, out = free_port(), folder / "out"
    out.mkdir()
    command = [sys.executable, "-m", "benchmarks.stock_scp", str(port), str(out)]
    with process(command, port=port, log=folder / "log.txt") as child:
        yield Receiver(
            "pynetdicom", Address("ANY-SCP", port), [child.pid], lambda: count_files(out), lambda: child.poll() is None
        )


@contextmanager
def orthanc(folder: Path, *, has_nodelay: bool = True, **settings: Any) -> Iterator[Receiver]:
    """An Orthanc that takes everything from everybody."""
    port, http_port = free_port(), free_port()
    config = {
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "index"),
        "DicomPort": port,
        "HttpPort": http_port,
        "DicomAet": "ORTHANC",
        "DicomCheckCalledAet": False,
        "DicomAlwaysAllowStore": True,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "ConcurrentJobs": 8,
        "Plugins": [],
        **settings,
    }
    path, log = folder / "orthanc.json", folder / "log.txt"
    path.write_text(json.dumps(config))
    program = shutil.which("Orthanc") or "/usr/sbin/Orthanc"
    with process([program, str(path)], port=http_port, log=log, has_nodelay=has_nodelay) as child:
        wait_for_port(port, child, log)
        yield Receiver(
            "orthanc",
            Address("ORTHANC", port),
            [child.pid],
            lambda: int(rest(http_port, "/statistics")["CountInstances"]),
            lambda: child.poll() is None,
            http_port=http_port,
        )


def rest(http_port: int, path: str, body: object = None, method: str | None = None) -> Any:
    """Ask Orthanc's REST API; the answer as JSON, or None when it is empty."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{http_port}{path}", data=data, method=method)
    with urllib.request.urlopen(request, timeout=600) as response:  # noqa: S310 (loopback)
        text = response.read()
    return json.loads(text) if text.strip() else None


def count_files(folder: Path) -> int:
    """Files in a folder and below."""
    return sum(len(files) for _, _, files in os.walk(folder))
