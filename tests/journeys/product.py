"""The whole product as its user starts it: ``manage.py supervise`` on a home and ports of its own."""

import itertools
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg

from gateway.env import BASE_DIR
from gateway.supervisor.parent_death import die_with_parent

READY_SECONDS = 90
_number = itertools.count()


@dataclass
class Product:
    """A running product, and what a test does with it."""

    home: Path
    http_port: int
    dicom_port: int
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def output(self) -> Path:
        """What the supervisor printed."""
        return self.home / "supervisor.txt"

    def start(self) -> float:
        """Start, wait until it says that it is ready; returns the seconds that took."""
        began = time.monotonic()
        parent = os.getpid()
        self.home.mkdir(exist_ok=True)
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "supervise"],
                cwd=BASE_DIR,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 (an orphan would hold its ports)
            )
        wait_until(self._is_ready, READY_SECONDS, self.output.read_text)
        return time.monotonic() - began

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.output.read_text()
        return self.output.read_text().rstrip().endswith("Gantry is ready")

    def stop(self) -> None:
        """Ask it to end, as Ctrl-C does."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)

    def kill(self) -> None:
        """Pull the plug of the supervisor."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def processes(self, words: str) -> list[psutil.Process]:
        """Processes of this product whose command line holds these words, parents before their children."""
        assert self.process is not None
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # it has ended since
                if words in " ".join(child.cmdline()):
                    found.append(child)
        return found

    def kill_one(self, words: str) -> int:
        """``kill -9`` the last (so the innermost) process that matches; returns its pid."""
        victim = self.processes(words)[-1]
        victim.send_signal(signal.SIGKILL)
        return victim.pid

    def run(self, *arguments: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command of ``manage.py`` in this product's environment."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=BASE_DIR,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def configure(self, *, destinations: dict[str, tuple[str, int]], conditions: list[Any] | None = None) -> None:
        """Destinations by name: (AE title, port); and one rule that sends everything that holds to all of them."""
        code = f"""
from routing.models import Destination, Rule
from routing.rules import save_rule
made = [Destination.objects.create(name=name, ae_title=to[0], host="127.0.0.1", port=to[1])
        for name, to in {destinations!r}.items()]
save_rule(Rule(name="everything", conditions={conditions or []!r}), destinations=made)
"""
        done = self.run("shell", "--no-imports", "-c", code)
        assert done.returncode == 0, done.stderr

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the product's own database."""
        url = self.environment.get("DATABASE_URL")
        if url:
            with psycopg.connect(url, autocommit=True) as connection:
                return connection.execute(sql).fetchall()
        with closing(sqlite3.connect(self.home / "db.sqlite3", timeout=20)) as embedded:
            return embedded.execute(sql).fetchall()

    def count(self, sql: str) -> int:
        """The one number that a query returns."""
        return int(self.query(sql)[0][0])

    def log(self, name: str) -> list[dict[str, Any]]:
        """The JSON lines of one process's log."""
        text = (self.home / "log" / f"{name}.log").read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@contextmanager
def product(home: Path, **settings: str) -> Iterator[Product]:
    """A product that is not started yet; ended, with all it started, when the block ends."""
    http_port, dicom_port = free_port(), free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("GANTRY", "DJANGO"))}
    inherited.pop("REDIS_URL", None)
    inherited.pop("CELERY_BROKER_URL", None)
    environment = {
        **inherited,
        "DJANGO_SETTINGS_MODULE": "gateway.settings.base",
        "GANTRY_HOME": str(home),
        "GANTRY_HTTP_BIND": f"127.0.0.1:{http_port}",
        "GANTRY_DICOM_BIND": f"127.0.0.1:{dicom_port}",
        "GANTRY_SPOOL_HIGH_PERCENT": "100",  # how full the tests' own machine is, is no matter here
        **settings,
    }
    with _database(os.environ.get("DATABASE_URL")) as url:
        environment.pop("DATABASE_URL", None)
        if url:
            environment["DATABASE_URL"] = url
        running = Product(home, http_port, dicom_port, environment)
        try:
            yield running
        finally:
            running.stop()


@contextmanager
def _database(server_url: str | None) -> Iterator[str | None]:
    """A database of its own on the tests' PostgreSQL; None for SQLite under the product's home."""
    if not server_url:
        yield None
        return
    name = f"journey_{os.getpid()}_{next(_number)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(is_true: Callable[[], bool], seconds: float, say: Callable[[], object] = str) -> None:
    """Wait for something to come true; the failure says what ``say`` returns."""
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, say()
        time.sleep(0.1)
