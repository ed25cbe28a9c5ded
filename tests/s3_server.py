"""A real S3 service on loopback: moto's server, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.supervisor.parent_death import die_with_parent
from tests.peers import LOOPBACK

_PROGRAM = f"""
import sys, time
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="{LOOPBACK}", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def s3_server() -> Iterator[str]:
    """Run one that holds nothing; yields its URL."""
    parent = os.getpid()
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 (an orphan would stay)
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://{LOOPBACK}:{int(process.stdout.readline())}"
        finally:
            process.kill()
