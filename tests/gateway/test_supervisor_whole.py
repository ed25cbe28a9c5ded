"""The whole product as a person starts it: ready, processes killed, everything killed; and what it says of itself."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.gateway.children import wait_until_gone

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"web", "scp", "worker-index", "worker-plan", "worker-deliver", "worker-ai", "worker-tier", "beat"}

pytestmark = pytest.mark.journey


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="gs-", dir="/tmp") as folder:
        yield Path(folder) / "home"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def start(home: Path) -> subprocess.Popen[str]:
    # An installation of its own: nothing of what the suite runs with, the settings module of tests least of all.
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DATABASE", "REDIS", "DJANGO"))}
    environment = kept | {
        "GANTRY_HOME": str(home),
        "GANTRY_HTTP_BIND": f"127.0.0.1:{free_port()}",
        "GANTRY_DICOM_BIND": f"127.0.0.1:{free_port()}",
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "supervise"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def read_until_ready(supervisor: subprocess.Popen[str]) -> list[str]:
    assert supervisor.stdout is not None
    lines = []
    for line in supervisor.stdout:
        lines.append(line.rstrip("\n"))
        if lines[-1] == "Gantry is ready":
            return lines
    pytest.fail("\n".join(lines))


def wait_for(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def query(home: Path, statement: str) -> list[tuple[str, int]]:
    database = sqlite3.connect(home / "db.sqlite3", timeout=20)
    try:
        return database.execute(statement).fetchall()
    finally:
        database.close()


def processes(home: Path, condition: str = "1") -> list[tuple[str, int]]:
    """Names and process ids that have written their row."""
    return query(home, f"SELECT name, pid FROM nodes_process WHERE {condition}")  # noqa: S608 (ours)


def test_the_product_becomes_ready_mends_itself_and_leaves_nothing_behind(home: Path) -> None:
    supervisor = start(home)
    try:
        lines = read_until_ready(supervisor)
        assert any(line.startswith("  Sign in  admin / ") for line in lines)
        ready = home / "run" / "ready"
        assert {path.name for path in ready.iterdir()} == PROGRAMS
        assert (home / "db.sqlite3").stat().st_mode & 0o077 == 0

        tree = psutil.Process(supervisor.pid)
        [web] = [child for child in tree.children() if "gunicorn" in child.cmdline()]
        grandchildren = [process.pid for process in web.children()]
        wait_for(lambda: {name for name, _ in processes(home)} >= PROGRAMS | {"supervisor"})
        assert {pid for name, pid in processes(home) if name == "web"} == set(grandchildren)
        plan_pid = dict(processes(home))["worker-plan"]
        os.kill(plan_pid, signal.SIGKILL)
        wait_for(lambda: any(name == "worker-plan" and pid != plan_pid for name, pid in processes(home)))
        web.kill()
        wait_for(lambda: not (ready / "web").exists())
        wait_for((ready / "web").exists)
        assert wait_until_gone(grandchildren) == []

        family = [process.pid for process in tree.children(recursive=True)]
        supervisor.kill()
        supervisor.wait()
        assert wait_until_gone(family) == []
    finally:
        supervisor.kill()
        supervisor.wait()
        assert supervisor.stdout is not None
        supervisor.stdout.close()

    again = start(home)
    try:
        lines = read_until_ready(again)
        assert not any("admin /" in line for line in lines)
        family = [process.pid for process in psutil.Process(again.pid).children(recursive=True)]
        wait_for(lambda: {name for name, pid in processes(home) if pid in {*family, again.pid}} >= PROGRAMS)
        again.send_signal(signal.SIGTERM)
        assert again.wait(60) == 0
        assert {name for name, pid in processes(home, "stopped_at IS NOT NULL") if pid in family} == PROGRAMS
        assert set(query(home, "SELECT subject, kind FROM nodes_systemevent")) >= {
            ("worker-plan", "ended"),
            ("web", "ended"),
            ("web", "started"),
            ("supervisor", "stopped"),
        }
        assert wait_until_gone(family, 0.5) == []
    finally:
        again.kill()
        again.wait()
        assert again.stdout is not None
        again.stdout.close()
