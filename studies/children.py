"""Children of limited memory and time that do for a process what files of strangers might make it die of.

A question is a line of JSON, the answer a line of JSON with so many bytes behind it. A child is kept while it is
needed, for importing its codecs takes longer than most answers; it ends with its parent, after some minutes without
work, or when it takes too long. What it does, its module says (``studies.pixel_worker``).
"""

import atexit
import fcntl
import json
import os
import queue
import resource
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

IDLE_SECONDS = 300
PIPE_BYTES = 1 << 20
_START_SECONDS = 60  # importing numpy and the codecs, on a machine that has other things to do
_LINE_BYTES = 1 << 16
_ROOT = Path(__file__).resolve().parent.parent


class ChildFailed(Exception):
    """It has no answer; the message says why, without patient data.

    Attributes:
        kind: name of the error that the child met; empty when the child itself ended or was ended.
    """

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


class Busy(Exception):
    """All children have had work for too long."""


class KeptChild:
    """One child, for one thread at a time."""

    def __init__(self, module: str, *, seconds: float, memory_bytes: int, niceness: int = 0) -> None:
        self._module, self._seconds, self._memory_bytes, self._niceness = module, seconds, memory_bytes, niceness
        self._child: subprocess.Popen[bytes] | None = None

    def ask(self, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """The answer and the bytes that belong to it.

        Raises:
            ChildFailed: it met an error, took too long or too much memory; the next call may have a new child.
        """
        line = json.dumps(question).encode() + b"\n"
        for _ in range(2):
            child = self._running()
            assert child.stdin is not None  # noqa: S101 (Popen was asked for pipes)
            try:
                child.stdin.write(line)
                child.stdin.flush()
            except BrokenPipeError:
                self.close()  # it had ended by itself before the question reached it
                continue
            found = self._answer(child, self._seconds)
            if found is None:
                if self.close() == 0:
                    continue  # as before, but the question was in the pipe already
                raise ChildFailed(f"it takes more than {self._seconds:g} s or {self._memory_bytes >> 20} MiB")
            if "error" in found[0]:
                if found[0].get("is_last"):
                    self.close()
                raise ChildFailed(found[0]["error"], found[0]["error"])
            return found
        raise ChildFailed("its process does not start")

    def close(self) -> int:
        """End the child; returns its exit status, 0 when it had ended by itself."""
        child, self._child = self._child, None
        if child is None:
            return 0
        child.kill()
        child.communicate()
        return child.returncode

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is not None:
            self.close()
        if self._child is None:
            limits = str(self._memory_bytes), str(self._seconds), str(os.getpid()), str(self._niceness)
            self._child = subprocess.Popen(
                [sys.executable, "-m", self._module, *limits],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert self._child.stdout is not None  # noqa: S101 (Popen was asked for pipes)
            fcntl.fcntl(self._child.stdout, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            self._answer(self._child, _START_SECONDS)  # ready
        return self._child

    def _answer(self, child: subprocess.Popen[bytes], seconds: float) -> tuple[dict[str, Any], bytes] | None:
        """What the child says next; None when it does not say it in time, or ends."""
        assert child.stdout is not None  # noqa: S101 (Popen was asked for pipes)
        deadline, said = time.monotonic() + seconds, bytearray()
        poller = select.poll()
        poller.register(child.stdout, select.POLLIN)
        head: dict[str, Any] | None = None
        size = 0
        while head is None or len(said) < size:
            left = deadline - time.monotonic()
            piece = os.read(child.stdout.fileno(), PIPE_BYTES) if left > 0 and poller.poll(left * 1000) else b""
            if not piece:
                return None
            said += piece
            if head is None and (end := said.find(b"\n")) >= 0:
                head = json.loads(said[:end])
                size = head.get("size", 0)
                del said[: end + 1]
            if head is None and len(said) > _LINE_BYTES:
                return None
        return head, bytes(said)


class Children:
    """A few children of one kind; a thread that finds all of them at work waits for one.

    Args:
        count: how many at most; they start when they are needed.
        patience_seconds: how long a thread waits for its turn.
    """

    def __init__(
        self,
        module: str,
        count: int,
        *,
        seconds: float,
        memory_bytes: int,
        patience_seconds: float = 30,
        niceness: int = 0,
    ) -> None:
        self._patience_seconds = patience_seconds
        self._all = [
            KeptChild(module, seconds=seconds, memory_bytes=memory_bytes, niceness=niceness) for _ in range(count)
        ]
        # The last that worked is the first to work again: what is not needed ends by itself.
        self._free: queue.LifoQueue[KeptChild] = queue.LifoQueue()
        for child in self._all:
            self._free.put(child)
        self._lock = threading.Lock()
        atexit.register(self.close)

    def ask(self, question: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        """Ask the next that is free.

        Raises:
            Busy: none became free.
            ChildFailed: it has no answer.
        """
        try:
            child = self._free.get(timeout=self._patience_seconds)
        except queue.Empty as error:
            raise Busy from error
        try:
            return child.ask(question)
        except BaseException as error:
            if not isinstance(error, ChildFailed):
                child.close()  # half an answer may lie in its pipe
            raise
        finally:
            self._free.put(child)

    def close(self) -> None:
        """End all of them."""
        for child in self._all:
            child.close()


def serve(answer: Callable[[dict[str, Any]], tuple[dict[str, Any], bytes]], arguments: list[str]) -> None:
    """The child's main loop: answer until the parent is gone or nothing was asked for a while.

    Args:
        arguments: as ``KeptChild`` gives them on the command line.
    """
    memory_bytes, seconds, parent_pid = int(arguments[0]), float(arguments[1]), int(arguments[2])
    if len(arguments) > 3:
        os.nice(int(arguments[3]))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold patients
    # What a library prints must not get among the answers.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    _say(out, {"ready": True})
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0]:
        line = sys.stdin.readline()
        if not line or os.getppid() != parent_pid:
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        # Should the parent be gone, the kernel ends what takes too long.
        limit = int(used.ru_utime + used.ru_stime + seconds * 2) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        try:
            found, data = answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 (the process's main loop: codecs raise whatever a file makes them)
            # Its message may hold what the file holds.
            is_last = isinstance(error, MemoryError | RecursionError)
            _say(out, {"error": type(error).__name__, "is_last": is_last})
            if is_last:
                return
        else:
            _say(out, found | {"size": len(data)}, data)


def _say(out: Any, head: dict[str, Any], data: bytes = b"") -> None:
    out.write(json.dumps(head).encode() + b"\n")
    out.write(data)
    out.flush()
