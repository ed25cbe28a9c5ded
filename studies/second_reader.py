"""pydicom in a child of limited memory and time, for headers that the scan cannot follow.

Such a data set may be anything: a million sequences, a bomb, an encoding of its own. What it does to the child, the
indexer does not notice, but for an answer that says so. One child is kept while it is needed, for importing pydicom
takes longer than reading; it ends with its parent, after a minute without work, or when it takes too long.
"""

import atexit
import json
import os
import resource
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from studies.errors import MalformedDataSet
from studies.scan import MAXIMUM_VALUE_BYTES, Scan

MEMORY_BYTES = 512 << 20
SECONDS = 10
IDLE_SECONDS = 60
_START_SECONDS = 30  # importing pydicom, on a machine that has other things to do
_MAXIMUM_ANSWER_BYTES = 16 << 20
_ROOT = Path(__file__).resolve().parent.parent


class SecondReaderFailed(MalformedDataSet):
    """pydicom cannot read it either, or not within the limits."""


class SecondReader:
    """One child at a time; threads wait for each other."""

    def __init__(self, *, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self._seconds, self._memory_bytes = seconds, memory_bytes
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def read(self, path: Path, wanted: frozenset[int]) -> Scan:
        """The wanted elements of a Part 10 file as they are encoded.

        Raises:
            SecondReaderFailed: it cannot be read; the child may have ended over it, and the next call has a new one.
        """
        question = json.dumps({"path": str(path), "tags": sorted(wanted)}).encode() + b"\n"
        with self._lock:
            answer = self._ask(question)
        if "error" in answer:
            raise SecondReaderFailed(f"pydicom cannot read it: {answer['error']}")
        values = {
            int(tag): (vr.encode("ascii", "replace"), bytes.fromhex(value))
            for tag, (vr, value) in answer["values"].items()
        }
        return Scan(values, bool(answer["is_little_endian"]))

    def close(self) -> int:
        """End the child; returns its exit status, 0 when it had ended by itself."""
        child, self._child = self._child, None
        if child is None:
            return 0
        child.kill()
        child.communicate()
        return child.returncode

    def _ask(self, question: bytes) -> dict[str, Any]:
        for child in (self._running(), None):
            # One that had ended by itself before the question reached it is no reason to give up.
            child = child or self._started()  # noqa: PLW2901
            assert child.stdin is not None  # noqa: S101 (Popen was asked for pipes)
            try:
                child.stdin.write(question)
                child.stdin.flush()
            except BrokenPipeError:
                self.close()
                continue
            line = self._line(child, self._seconds)
            if line is None:
                if self.close() == 0:
                    continue
                return {"error": f"it took more than {self._seconds:g} s or {self._memory_bytes >> 20} MiB"}
            answer: dict[str, Any] = json.loads(line)
            return answer
        return {"error": "its process does not start"}

    def _running(self) -> subprocess.Popen[bytes] | None:
        if self._child is not None and self._child.poll() is not None:
            self.close()
        return self._child

    def _started(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self._memory_bytes), str(self._seconds), str(os.getpid())],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._line(self._child, _START_SECONDS)  # ready
        return self._child

    def _line(self, child: subprocess.Popen[bytes], seconds: float) -> bytes | None:
        """What the child says next; None when it says nothing in time, too much, or ends."""
        assert child.stdout is not None  # noqa: S101 (Popen was asked for pipes)
        deadline, said = time.monotonic() + seconds, bytearray()
        poller = select.poll()
        poller.register(child.stdout, select.POLLIN)
        while not said.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or len(said) > _MAXIMUM_ANSWER_BYTES or not poller.poll(left * 1000):
                return None
            piece = os.read(child.stdout.fileno(), 1 << 16)
            if not piece:
                return None
            said += piece
        return bytes(said)


second_reader = SecondReader()
atexit.register(second_reader.close)


def main(memory_bytes: int, seconds: float, parent_pid: int) -> None:
    """The child: a question a line on standard input, an answer a line on standard output."""
    sys.modules["numpy"] = None  # type: ignore[assignment]  # its threads' stacks alone would fill the limit
    import pydicom

    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold patients
    _say({"ready": True})
    while select.select([sys.stdin], [], [], IDLE_SECONDS)[0]:
        line = sys.stdin.readline()
        if not line or os.getppid() != parent_pid:
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        # Should the parent be gone, the kernel ends what takes too long.
        limit = int(used.ru_utime + used.ru_stime + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        question = json.loads(line)
        try:
            _say(_answer(pydicom, question["path"], question["tags"]))
        except Exception as error:  # noqa: BLE001 (the process's main loop: pydicom raises whatever a file makes it)
            _say({"error": type(error).__name__})  # its message may hold what the file holds
            if isinstance(error, MemoryError | RecursionError):
                return


def _answer(pydicom: Any, path: str, tags: list[int]) -> dict[str, Any]:
    ds = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
    values = {}
    for tag in tags:
        if tag not in ds:
            continue
        element = ds.get_item(tag)
        value = element.value or b""
        if not isinstance(value, bytes):  # pydicom has decoded it, as it does the Specific Character Set
            value = "\\".join([value] if isinstance(value, str) else map(str, value)).encode("ascii", "replace")
        values[tag] = (str(element.VR or ""), value[:MAXIMUM_VALUE_BYTES].hex())
    return {"values": values, "is_little_endian": bool(ds.original_encoding[1])}


def _say(answer: dict[str, Any], to: IO[str] = sys.stdout) -> None:
    to.write(json.dumps(answer) + "\n")
    to.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
