"""Small disks for tests, and disks that fail."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def small_disk(folder: Path, options: str) -> Iterator[Path]:
    """A tmpfs of its own under a folder, mounted with these options; its files are there until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def resize(folder: Path, options: str) -> None:
    """Give a small disk more room, or less."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


class FailingCall:
    """One of the system's calls, such as ``os.fsync``, that fails as long as it is told to.

    Attributes:
        is_failing: set it to have the next calls fail.
        count: how many calls failed.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, number: int = errno.EIO, *, times: int = -1) -> None:
        self._real: Callable[..., Any] = getattr(os, name)
        self._number = number
        self._times = times
        self.is_failing = True
        self.count = 0
        monkeypatch.setattr(os, name, self)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Fail, or do it."""
        if self.is_failing and self.count != self._times:
            self.count += 1
            raise OSError(self._number, os.strerror(self._number))
        return self._real(*args, **kwargs)
