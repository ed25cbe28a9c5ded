"""What must hold before anything is started; each failure is one sentence."""

import errno
import fcntl
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from dicomnet.tls import BadTlsFile, client_context, reloading_server
from gateway.env import Environment
from gateway.supervisor.errors import CannotStart

LEAST_FREE_BYTES = 256 * 1024 * 1024
_PORT_WAIT_SECONDS = 5.0
_SERVER_SECONDS = 5.0
_DEFAULT_PORTS = {
    "redis": 6379,
    "rediss": 6379,
    "amqp": 5672,
    "amqps": 5671,
    "postgres": 5432,
    "postgresql": 5432,
}


def make_writable(home: Path, folders: list[Path]) -> None:
    """Make the folders that the processes write to, readable by their owner only, and try to write.

    Raises:
        CannotStart: the disk, or the permission on it, does not allow it.
    """
    try:
        for folder in (home, *folders):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
        free = shutil.disk_usage(home).free
    except OSError as error:
        raise CannotStart(
            f"GANTRY_HOME cannot be written ({error.filename or home}: {error.strerror}); choose another folder."
        ) from error
    if free < LEAST_FREE_BYTES:
        raise CannotStart(
            f"Only {free // 2**20} MB are free on the disk of {home}, "
            f"{LEAST_FREE_BYTES // 2**20} MB are needed; make room "
            "or set GANTRY_HOME to a folder on another disk."
        )


@contextmanager
def only_one(lock_path: Path) -> Iterator[None]:
    """Hold the lock of this GANTRY_HOME; the system lets go of it however this process ends.

    Raises:
        CannotStart: another supervisor holds it.
    """
    descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            raise CannotStart(
                f"it already runs here (pid {pid}); stop it first, or give this one another GANTRY_HOME."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def port_is_free(bind: tuple[str, int], variable: str, *, wait_seconds: float = _PORT_WAIT_SECONDS) -> None:
    """Check that nothing listens there.

    The processes of a supervisor that was killed are ended by the kernel a moment later, so a taken port is
    looked at again for some seconds.

    Raises:
        CannotStart: the address cannot be listened on.
    """
    host, port = bind
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            _try_to_listen(host, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise CannotStart(_port_sentence(error, host, port, variable)) from error
        return


def _try_to_listen(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((host, port))
        probe.listen(1)


def _port_sentence(error: OSError, host: str, port: int, variable: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program; stop it or set {variable} to another port."
    if error.errno == errno.EACCES:
        return f"Port {port} may not be opened by this user; set {variable} to a port above 1023."
    return f"{variable} cannot be listened on ({host}:{port}: {error.strerror}); set it to an address of this machine."


def tls_files_are_good(environment: Environment) -> None:
    """Check that certificate, key and CA file can be used, for the TLS listener or for calls to peers.

    Raises:
        CannotStart: one of them is missing, expired, or not the other's.
    """
    files = environment.tls_files
    try:
        if environment.dicom_tls_bind is not None:
            reloading_server(files)
        elif files.cert or files.ca:
            client_context(files)
    except BadTlsFile as error:
        raise CannotStart(str(error)) from error


def server_answers(url: str, variable: str) -> None:
    """Check that somebody listens where this URL points; the password in it is never shown.

    Raises:
        CannotStart: nobody answers.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        return
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    try:
        socket.create_connection((parts.hostname, port), timeout=_SERVER_SECONDS).close()
    except OSError as error:
        raise CannotStart(
            f"The server of {variable} does not answer ({parts.hostname}:{port}: {error.strerror or error}); "
            "start it or correct the address."
        ) from error
