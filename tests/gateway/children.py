"""Tiny real programs for the supervisor to keep running."""

import os
import signal
import sys
import time
from pathlib import Path

from gateway.supervisor.backoff import Backoff
from gateway.supervisor.child import Child, Program

# Serves until SIGTERM, notes when it ends.
SERVES = """
import os, signal, sys, time
def stop(*_):
    with open({journal!r}, "a") as journal:
        journal.write({name!r} + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
open(os.environ["GANTRY_READY_FILE"], "w").close()
time.sleep(60)
"""
DEAF = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(os.environ["GANTRY_READY_FILE"], "w").close()
time.sleep(60)
"""
NEVER_READY = "import sys, time; print('still reading the map', flush=True); time.sleep(60)"
ENDS_AT_ONCE = "import sys; sys.exit('no such table: destination')"


def child(folder: Path, name: str, code: str, *, stop_turn: int = 0, first_seconds: float = 0.05) -> Child:
    """A child that runs this Python code; ``journal`` in its folder says in which order they ended."""
    code = code.replace("{journal!r}", repr(str(folder / "journal"))).replace("{name!r}", repr(name))
    return Child(
        Program(name, (sys.executable, "-c", code), stop_turn),
        log_dir=folder / "log",
        ready_dir=folder / "ready",
        environment=dict(os.environ),
        backoff=Backoff(first_seconds),
    )


def is_running(pid: int) -> bool:
    """Whether this process runs; one that ended and is not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pids: list[int], seconds: float = 5.0) -> list[int]:
    """Those of these processes that still run when the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and any(is_running(pid) for pid in pids):
        time.sleep(0.02)
    return [pid for pid in pids if is_running(pid)]


def kill(pid: int | None) -> None:
    """End a process the hard way."""
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
