"""Several listener processes on one port: forked, watched, ended together."""

import ctypes
import gc
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)
PR_SET_PDEATHSIG = 1
RESTART_PAUSE_SECONDS = 1


class PortTaken(Exception):
    """Another program listens on the address."""


def check_port(address: tuple[str, int], patience_seconds: float = 5) -> None:
    """Bind once without sharing: SO_REUSEPORT would let us join another listener of the same user unseen.

    Args:
        address: host and port.
        patience_seconds: how long processes of a killed predecessor get to end.

    Raises:
        PortTaken: somebody listens there.
    """
    deadline = time.monotonic() + patience_seconds
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    while True:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if time.monotonic() > deadline:
                    raise PortTaken(f"{address[0]}:{address[1]} cannot be used: {error.strerror}") from error
            else:
                return
        time.sleep(0.2)


def run_processes(count: int, serve: Callable[[threading.Event], None]) -> None:
    """Fork ``count`` processes that each call ``serve(stop)``; fork again what ends by itself; return on SIGTERM."""
    children: set[int] = set()
    is_stopping = False

    def on_signal(number: int, frame: object) -> None:
        nonlocal is_stopping
        is_stopping = True
        for pid in children:
            os.kill(pid, signal.SIGTERM)

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    gc.collect()
    gc.freeze()  # the collector would write to every page that the processes share
    children.update(_fork(serve) for _ in range(count))
    while children:
        pid, _ = os.waitpid(-1, 0)
        children.discard(pid)
        if not is_stopping:
            time.sleep(RESTART_PAUSE_SECONDS)
            if not is_stopping:
                children.add(_fork(serve))


def _fork(serve: Callable[[threading.Event], None]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, lambda *_: stop.set())
    if os.getppid() == parent:  # else it died before the kernel knew whose death to tell
        try:
            serve(stop)
        except Exception:
            logger.exception("listener process failed")
            os._exit(1)
    os._exit(0)
