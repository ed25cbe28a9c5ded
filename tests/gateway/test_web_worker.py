"""gunicorn with the worker of ours: threads stay with busy connections and leave idle ones."""

import http.client
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.env import BASE_DIR
from tests.journeys.product import free_port, wait_until

THREADS = 2
APPLICATION = """
import threading

def application(environ, start_response):
    body = f"{environ['PATH_INFO']} {threading.get_ident()}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "echo.py").write_text(APPLICATION)
    number = free_port()
    command = (sys.executable, "-m", "gunicorn", "echo:application", "--bind", f"127.0.0.1:{number}", "--threads",
               str(THREADS), "--worker-class", "gateway.web_worker.LingeringWorker", "--keep-alive", "15",
               "--graceful-timeout", "3", "--no-control-socket")  # fmt: skip
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{BASE_DIR}"}
    with (tmp_path / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: is_open(number), 30, (tmp_path / "log.txt").read_text)
        yield number
    finally:
        process.terminate()
        assert process.wait(20) == 0, (tmp_path / "log.txt").read_text()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def ask(connection: http.client.HTTPConnection, path: str = "/") -> str:
    connection.request("GET", path)
    return connection.getresponse().read().decode()


def test_one_thread_answers_what_follows_at_once(port: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    answers = [ask(connection) for _ in range(50)]

    # A pause of this machine may hand it over now and then; gunicorn itself hands it over each time.
    changes = sum(one != other for one, other in pairwise(answers))
    assert changes < 10
    connection.close()


def test_idle_connections_keep_no_thread(port: int) -> None:
    idle = [http.client.HTTPConnection("127.0.0.1", port, timeout=20) for _ in range(4 * THREADS)]
    for connection in idle:
        ask(connection)

    another = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    assert ask(another, "/another").startswith("/another")
    assert all(ask(connection, "/again").startswith("/again") for connection in idle)
    for connection in (*idle, another):
        connection.close()


def test_requests_sent_together_are_answered_in_turn(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 20) as client:
        client.sendall(b"".join(f"GET /{n} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for n in range(5)))
        client.sendall(b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(65_536), b""))

    assert [received.find(f"\r\n\r\n/{n} ".encode()) for n in (*range(5), "last")] == sorted(
        place for n in (*range(5), "last") if (place := received.find(f"\r\n\r\n/{n} ".encode())) > 0
    )


def test_a_client_that_leaves_frees_its_thread(port: int) -> None:
    for _ in range(4 * THREADS):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        ask(connection)
        connection.close()

    assert ask(http.client.HTTPConnection("127.0.0.1", port, timeout=20))
