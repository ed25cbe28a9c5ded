"""Gantry as a receiver: the whole product as ``make run`` starts it, on a home of its own."""

import itertools
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import psycopg

from benchmarks.database import Server
from benchmarks.receivers import Failed, Receiver, count_files
from benchmarks.wire import Address
from tests.journeys.product import Product, product

_number = itertools.count()


@dataclass(frozen=True)
class Template:
    """A prepared, empty installation; each run starts on a copy, which saves migrating a database each time.

    Attributes:
        server: the PostgreSQL that it uses, which then holds a database named ``template``; None for SQLite.
    """

    home: Path
    server: Server | None
    database: str = "gantry_template"


def prepare(home: Path, server: Server | None) -> Template:
    """Start the product once on an empty home, and end it."""
    template = Template(home, server)
    if server:
        server.execute(f"CREATE DATABASE {template.database}")
    with product(home) as running:
        if server:
            running.environment["DATABASE_URL"] = server.url(template.database)
        running.start()
    return template


@contextmanager
def gantry(folder: Path, template: Template, **settings: str) -> Iterator[tuple[Receiver, Product]]:
    """The running product, empty."""
    home = folder / "home"
    shutil.copytree(template.home, home, ignore=shutil.ignore_patterns("*.sock", "*.lock", "log", "ready", "metrics"))
    with _database(template) as url, product(home, **settings) as running:
        if url:
            running.environment["DATABASE_URL"] = url
        running.start()
        pid = pid_of(running)
        listener = running.processes("runscp")[0].pid
        try:
            yield receiver(running, template, pid, listener), running
        finally:
            _kill(running, pid)


def pid_of(running: Product) -> int:
    """The first process of a running product.

    Raises:
        Failed: it does not run.
    """
    if running.process is None:
        raise Failed("Gantry does not run")
    return running.process.pid


def receiver(running: Product, template: Template, pid: int, listener: int) -> Receiver:
    """What is measured of a running product."""
    hot = running.home / "hot"

    def stored() -> int:
        # An instance counts when its row and its file are there.
        return min(running.count("SELECT count(*) FROM studies_instance"), count_files(hot))

    return Receiver(
        "gantry",
        Address("GANTRY", running.dicom_port),
        [listener],
        stored,
        lambda: running.process is not None and running.process.poll() is None and psutil.pid_exists(listener),
        others=[pid, *([template.server.pid] if template.server else [])],
        http_port=running.http_port,
    )


class IndexReader:
    """Reads the product's database, read only, over one connection: which instances can be found by now."""

    def __init__(self, running: Product) -> None:
        url = running.environment.get("DATABASE_URL")
        self._connection: Any = (
            psycopg.connect(url, autocommit=True)
            if url
            else sqlite3.connect(
                f"file:{running.home / 'db.sqlite3'}?mode=ro", uri=True, isolation_level=None, timeout=20
            )
        )
        self._last = 0

    def newly_found(self) -> list[str]:
        """SOP Instance UIDs that were not there at the last call."""
        rows = self._connection.execute(
            f"SELECT id, sop_instance_uid FROM studies_instance WHERE id > {self._last} ORDER BY id"  # noqa: S608
        ).fetchall()
        if rows:
            self._last = int(rows[-1][0])
        return [str(uid) for _, uid in rows]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def index_reader(running: Product) -> Iterator[IndexReader]:
    """A reader until the block ends."""
    with closing(IndexReader(running)) as reader:
        yield reader


@contextmanager
def _database(template: Template) -> Iterator[str | None]:
    if template.server is None:
        yield None
        return
    name = f"gantry_{next(_number)}"
    template.server.execute(f"CREATE DATABASE {name} TEMPLATE {template.database}")
    try:
        yield template.server.url(name)
    finally:
        template.server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _kill(running: Product, pid: int) -> None:
    # Quicker than asking; the kernel ends the children with their parent.
    children = psutil.Process(pid).children(recursive=True) if psutil.pid_exists(pid) else []
    running.kill()
    psutil.wait_procs(children, 20)
