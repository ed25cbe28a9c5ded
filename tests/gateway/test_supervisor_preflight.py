import os
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.env import Environment
from gateway.supervisor.errors import CannotStart
from gateway.supervisor.preflight import (
    make_writable,
    only_one,
    port_is_free,
    server_answers,
    tls_files_are_good,
)
from tests.certificates import authority

HOLDS_THE_LOCK = """
import sys, time
from pathlib import Path
from gateway.supervisor.preflight import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def listener() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0))


def test_taken_port_is_one_sentence_that_names_the_setting(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with listener, pytest.raises(CannotStart) as failure:
        port_is_free(("127.0.0.1", port), "GANTRY_HTTP_BIND", wait_seconds=0.2)

    assert str(failure.value) == (
        f"Port {port} on 127.0.0.1 is taken by another program; stop it or set GANTRY_HTTP_BIND to another port."
    )


def test_port_that_becomes_free_in_time_will_do(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()

    port_is_free(("127.0.0.1", port), "GANTRY_HTTP_BIND", wait_seconds=0)


def test_address_of_another_machine_is_one_sentence() -> None:
    with pytest.raises(CannotStart, match="GANTRY_DICOM_BIND cannot be listened on"):
        port_is_free(("192.0.2.1", 11112), "GANTRY_DICOM_BIND", wait_seconds=0)


def test_second_supervisor_is_told_the_pid_of_the_first(tmp_path: Path) -> None:
    lock = tmp_path / "supervisor.lock"
    first = subprocess.Popen([sys.executable, "-c", HOLDS_THE_LOCK, str(lock)], stdout=subprocess.PIPE)
    assert first.stdout is not None
    first.stdout.readline()

    with pytest.raises(CannotStart, match=rf"already runs here \(pid {first.pid}\)"), only_one(lock):
        pass

    first.kill()
    first.wait()
    first.stdout.close()
    with only_one(lock):
        assert lock.read_text() == str(os.getpid())


def test_home_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "home").touch()

    with pytest.raises(CannotStart, match="GANTRY_HOME cannot be written"):
        make_writable(tmp_path / "home", [])


def test_home_is_made_for_its_owner_only(tmp_path: Path) -> None:
    make_writable(tmp_path / "home", [tmp_path / "home" / "run"])

    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "home" / "run").is_dir()


def test_disk_that_is_nearly_full_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.supervisor.preflight.LEAST_FREE_BYTES", 2**62)

    with pytest.raises(CannotStart, match="MB are free on the disk"):
        make_writable(tmp_path, [])


def test_silent_server_is_named_without_its_password() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        server_answers(f"postgres://gantry:hunter2@127.0.0.1:{port}/gantry", "DATABASE_URL")

    with pytest.raises(CannotStart) as failure:
        server_answers(f"postgres://gantry:hunter2@127.0.0.1:{port}/gantry", "DATABASE_URL")
    assert f"DATABASE_URL does not answer (127.0.0.1:{port}" in str(failure.value)
    assert "hunter2" not in str(failure.value)


def test_tls_files_are_looked_at_before_the_start(home: Environment, tmp_path: Path) -> None:
    tls_files_are_good(home)
    ca = authority(tmp_path)
    good, expired = ca.issue("GANTRY"), ca.issue("GANTRY", days=-1)
    listening = replace(home, dicom_tls_bind=("127.0.0.1", 2762), tls_cert=good.cert, tls_key=good.key, tls_ca=ca.cert)
    tls_files_are_good(listening)
    with pytest.raises(CannotStart, match="has expired"):
        tls_files_are_good(replace(listening, tls_cert=expired.cert, tls_key=expired.key))
    with pytest.raises(CannotStart, match="is not that of the certificate"):
        tls_files_are_good(replace(listening, tls_key=expired.key, dicom_tls_bind=None))
    with pytest.raises(CannotStart, match="cannot be read"):
        tls_files_are_good(replace(home, tls_ca=tmp_path / "none.pem"))
