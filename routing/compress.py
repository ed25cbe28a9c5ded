"""Another transfer syntax for pixel data, without loss: by pydicom and its codecs, in a child with limits (PS3.5 8.2).

One child is kept while it is needed, for importing the codecs takes longer than most images; it ends with its parent,
after a minute without work, or when it takes too long.
"""

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pydicom.uid import UID, ExplicitVRBigEndian

MEMORY_BYTES = 3 << 30
SECONDS = 120
_START_SECONDS = 60  # importing numpy and the codecs, on a machine that has other things to do
_ROOT = Path(__file__).resolve().parent.parent


class CannotCompress(Exception):
    """The pixel data cannot have this form; the message says why, without patient data."""


class Transcoder:
    """One child at a time; threads wait for each other."""

    def __init__(self, *, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> None:
        self._seconds, self._memory_bytes = seconds, memory_bytes
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def transcode(self, source: Path, target: Path, transfer_syntax_uid: str) -> None:
        """Write a Part 10 file in another transfer syntax; the samples are compared before it is done.

        Raises:
            CannotCompress: it cannot be, or not within the limits.
        """
        question = {"source": str(source), "target": str(target), "transfer_syntax_uid": transfer_syntax_uid}
        with self._lock:
            error = self._ask(json.dumps(question).encode() + b"\n")
        if error:
            raise CannotCompress(f"its pixel data cannot be sent as {UID(transfer_syntax_uid).name}: {error}")

    def close(self) -> None:
        """End the child."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.communicate()

    def _ask(self, question: bytes) -> str:
        """What went wrong, in words; empty when nothing did."""
        for _ in range(2):
            child = self._running()
            assert child.stdin is not None  # noqa: S101 (Popen was asked for pipes)
            try:
                child.stdin.write(question)
                child.stdin.flush()
            except BrokenPipeError:
                self.close()  # it had ended by itself before the question reached it
                continue
            answer = self._answer(child, self._seconds)
            if answer is None:
                self.close()
                return f"it takes more than {self._seconds:g} s or {self._memory_bytes >> 20} MiB"
            return _in_words(answer.get("error", ""))
        return "its process does not start"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is not None:
            self.close()
        if self._child is None:
            limits = str(self._memory_bytes), str(self._seconds), str(os.getpid())
            self._child = subprocess.Popen(
                [sys.executable, "-m", "routing.transcoder", *limits],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._answer(self._child, _START_SECONDS)  # ready
        return self._child

    def _answer(self, child: subprocess.Popen[bytes], seconds: float) -> dict[str, Any] | None:
        """What the child says next; None when it says nothing in time, or ends."""
        assert child.stdout is not None  # noqa: S101 (Popen was asked for pipes)
        deadline, said = time.monotonic() + seconds, bytearray()
        poller = select.poll()
        poller.register(child.stdout, select.POLLIN)
        while not said.endswith(b"\n"):
            left = deadline - time.monotonic()
            piece = os.read(child.stdout.fileno(), 4096) if left > 0 and poller.poll(left * 1000) else b""
            if not piece:
                return None
            said += piece
        answer: dict[str, Any] = json.loads(said)
        return answer


transcoder = Transcoder()
atexit.register(transcoder.close)


def compress(source: Path, target: Path, transfer_syntax_uid: str, *, present: str) -> None:
    """Write the file with its pixel data in another transfer syntax, without loss.

    Args:
        present: the transfer syntax that it has.

    Raises:
        CannotCompress: it cannot be.
    """
    if present == ExplicitVRBigEndian:
        raise CannotCompress("its pixel data is in big endian, which is not transcoded: the standard has given it up")
    transcoder.transcode(source, target, transfer_syntax_uid)


def _in_words(error: str) -> str:
    if error in {"", "MemoryError"}:
        return error and "it needs more memory than it may have"
    if error == "NotTheSame":
        return "what came out was not the same to the last bit"
    return f"its present form cannot be decoded, or this kind of image not be encoded so ({error})"
