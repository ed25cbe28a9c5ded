import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.supervisor.backoff import Backoff
from gateway.supervisor.child import Child, Ended
from gateway.supervisor.logfile import last_lines, open_log, rotate
from gateway.supervisor.valkey import valkey_program
from tests.gateway.children import SERVES, child, is_running, kill, wait_until_gone

ROOT = Path(__file__).resolve().parents[2]

# A supervisor with one child that has a child of its own, as gunicorn and runscp have; both hold a port open.
SUPERVISOR = """
import sys, time
from pathlib import Path
from gateway.supervisor.valkey import valkey_program
from tests.gateway.children import child
GRANDPARENT = '''
import os, socket, sys, time
from gateway.supervisor.parent_death import die_with_parent
listener = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
parent = os.getpid()
pid = os.fork()
if pid == 0:
    die_with_parent(parent)
    time.sleep(60)
print(parent, pid, flush=True)
open(os.environ["GANTRY_READY_FILE"], "w").close()
time.sleep(60)
'''
running = child(Path(sys.argv[1]), "server", GRANDPARENT)
running.start()
time.sleep(60)
"""


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def wait_for(path: Path) -> None:
    wait_until(path.exists)


def test_kill_of_the_supervisor_ends_children_and_grandchildren_and_frees_the_port(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PORT": str(port)}
    supervisor = subprocess.Popen([sys.executable, "-c", SUPERVISOR, str(tmp_path)], env=environment, cwd=ROOT)
    wait_for(tmp_path / "ready" / "server")
    pids = [int(word) for word in last_lines(tmp_path / "log" / "server.log")[-1].split()]
    assert [is_running(pid) for pid in pids] == [True, True]

    kill(supervisor.pid)
    supervisor.wait()

    assert wait_until_gone(pids) == []
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


def test_child_runs_in_a_session_of_its_own(tmp_path: Path) -> None:
    one = child(tmp_path, "one", SERVES)
    one.start()
    try:
        assert one.pid is not None
        assert os.getsid(one.pid) == one.pid
    finally:
        one.kill()


def test_ready_mark_of_an_earlier_run_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "ready").mkdir()
    (tmp_path / "ready" / "one").touch()
    one = child(tmp_path, "one", "import time; time.sleep(60)")
    one.start()
    try:
        assert not one.is_ready()
    finally:
        one.kill()


def test_check_waits_out_the_delay_before_the_next_start(tmp_path: Path) -> None:
    one = child(tmp_path, "one", SERVES, first_seconds=0.3)
    one.start()
    try:
        wait_for(tmp_path / "ready" / "one")
        kill(one.pid)
        ended = None
        while ended is None:
            ended = one.check()
        assert ended == Ended("one", "killed by signal 9 (Killed)", 0.3)
        assert one.check() is None
        assert one.pid is None
        time.sleep(0.35)
        one.check()
        assert one.pid is not None
    finally:
        one.kill()


def test_terminated_child_is_not_started_again(tmp_path: Path) -> None:
    one = child(tmp_path, "one", SERVES)
    one.start()
    wait_for(tmp_path / "ready" / "one")
    one.terminate()
    deadline = time.monotonic() + 5
    while not one.is_stopped() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert one.is_stopped()
    assert one.check() is None
    assert one.pid is None


def test_backoff_doubles_to_thirty_seconds_and_begins_again_after_a_steady_minute() -> None:
    backoff = Backoff()

    delays = [backoff.delay_seconds(uptime_seconds=1) for _ in range(7)]

    assert delays == [1, 2, 4, 8, 16, 30, 30]
    assert backoff.delay_seconds(uptime_seconds=60) == 1


def test_log_is_copied_and_emptied_while_a_child_goes_on_writing(tmp_path: Path) -> None:
    path = tmp_path / "web.log"
    with open_log(path) as log:
        log.write(b"before\n")
        log.flush()
        assert not rotate(path, largest_bytes=100)
        assert rotate(path, largest_bytes=5)
        log.write(b"after\n")
        log.flush()

    assert path.read_bytes() == b"after\n"
    assert (tmp_path / "web.log.1").read_bytes() == b"before\n"


@pytest.mark.parametrize(("content", "expected"), [(b"", []), (b"one\ntwo\nthree\n", ["two", "three"])])
def test_last_lines(tmp_path: Path, content: bytes, expected: list[str]) -> None:
    (tmp_path / "log").write_bytes(content)

    assert last_lines(tmp_path / "log", 2) == expected


def test_last_lines_of_a_log_that_is_not_there(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "log") == []


def test_valkey_whose_file_a_power_cut_damaged_starts_without_it(tmp_path: Path) -> None:
    socket_path = tmp_path / "v.sock"
    program = valkey_program(socket_path=socket_path, data_dir=tmp_path, stop_turn=0)
    broker = Child(
        program, log_dir=tmp_path, ready_dir=tmp_path / "ready", environment=dict(os.environ), backoff=Backoff(0.05)
    )
    try:
        broker.start()
        wait_until(broker.is_ready)
        broker.kill()
        [appended] = (tmp_path / "appendonlydir").glob("*.incr.aof")
        appended.write_bytes(b"not a command\r\n" * 100)

        broker.start()
        wait_until(lambda: broker.check() is None and broker.is_ready())

        assert (tmp_path / "appendonlydir.unreadable").exists()
    finally:
        broker.kill()
