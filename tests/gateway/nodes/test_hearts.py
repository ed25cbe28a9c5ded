"""Hearts of real processes: killed, on two hosts, and while the database is away."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.db import connection

from gateway.env import BASE_DIR
from gateway.nodes.models import Node, Process
from gateway.nodes.selectors import board
from gateway.nodes.states import State, states_of

pytestmark = pytest.mark.django_db(transaction=True)
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as running:

        def begin(name: str, *, host: str = "one", database: str = "") -> subprocess.Popen[bytes]:
            kept = {key: value for key, value in os.environ.items() if not key.startswith(("DJANGO", "REDIS"))}
            own = {
                "GANTRY_HOME": str(tmp_path / host),
                "GANTRY_NODE_NAME": host,
                "DATABASE_URL": database or database_url(),
            }
            with (tmp_path / f"{host}.log").open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "tests.gateway.nodes.beating", name],
                    cwd=BASE_DIR,
                    env=kept | own,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                )
            running.callback(end, process)
            return process

        yield begin


def end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)


def database_url() -> str:
    return sqlite_url(connection.settings_dict["NAME"]) if connection.vendor == "sqlite" else server_url()


def sqlite_url(path: Path | str) -> str:
    return f"sqlite:///{path}"


def server_url() -> str:
    about = connection.settings_dict
    host, password = quote(about["HOST"], safe=""), quote(about["PASSWORD"], safe="")
    return f"postgres://{quote(about['USER'])}:{password}@{host}:{about['PORT']}/{about['NAME']}"


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def rows(name: str) -> list[Process]:
    return list(Process.objects.filter(name=name).order_by("pk"))


def test_a_process_that_is_killed_goes_stale_and_the_next_one_takes_its_place(start: Start) -> None:
    first = start("worker-index")
    wait_for(lambda: rows("worker-index"))
    first.kill()
    first.wait()
    [row] = rows("worker-index")

    assert (row.pid, row.load, row.stopped_at) == (first.pid, 3, None)
    assert row.rss_bytes > 1_000_000
    assert states_of([row], row.seen_at + timedelta(seconds=44)) == {row.pk: State.RUNNING}
    assert states_of([row], row.seen_at + timedelta(seconds=46)) == {row.pk: State.GONE}

    second = start("worker-index")
    wait_for(lambda: len(rows("worker-index")) == 2)
    row, fresh = rows("worker-index")
    later = fresh.seen_at + timedelta(seconds=30)
    row.seen_at -= timedelta(seconds=30)
    assert fresh.pid == second.pid
    assert states_of([row, fresh], later) == {row.pk: State.REPLACED, fresh.pk: State.RUNNING}

    end(second)
    assert rows("worker-index")[1].stopped_at is not None


def test_each_host_has_its_own_processes_and_figures(start: Start) -> None:
    start("worker-index", host="north")
    start("worker-index", host="south")
    wait_for(lambda: Process.objects.count() == 2 and not Node.objects.filter(seen_at=None).exists())

    north, south = board()

    assert (north.node.name, south.node.name) == ("north", "south")
    for view in (north, south):
        assert view.state == State.RUNNING
        assert [process.process.name for process in view.processes] == ["worker-index"]
        assert view.is_measured
        assert 0 < view.memory_percent < 100
        assert view.node.disks[0]["label"] == "Home"


@pytest.mark.embedded
def test_a_database_that_is_away_ends_no_process_and_is_written_to_when_it_is_back(
    start: Start, tmp_path: Path
) -> None:
    place = tmp_path / "later.sqlite3"
    place.mkdir()  # a folder opens as no database
    process = start("worker-tier", database=sqlite_url(place))
    log = tmp_path / "one.log"
    wait_for(lambda: b"no sign of life given" in log.read_bytes())
    assert process.poll() is None

    place.rmdir()
    place.symlink_to(connection.settings_dict["NAME"])

    wait_for(lambda: rows("worker-tier"))
    assert log.read_bytes().count(b"no sign of life given") <= 2
