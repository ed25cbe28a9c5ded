"""The log file of one child process: appended to, kept from growing without end, and quoted when it fails."""

import shutil
from pathlib import Path
from typing import IO

LARGEST_BYTES = 50 * 1024 * 1024
_TAIL_BYTES = 4096


def open_log(path: Path) -> IO[bytes]:
    """The file a child writes its output to, for appending."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path.open("ab")


def rotate(path: Path, largest_bytes: int = LARGEST_BYTES) -> bool:
    """Copy a log that has grown too large to ``<name>.log.1`` and empty it; True when it was done.

    The children hold the file open in append mode and go on at its new end, so none has to be told.
    Lines written between the copy and the cut are lost: a log is not a record.
    """
    try:
        if path.stat().st_size < largest_bytes:
            return False
    except FileNotFoundError:
        return False
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    with path.open("r+b") as log:
        log.truncate(0)
    return True


def last_lines(path: Path, count: int = 8) -> list[str]:
    """The last lines of a log, none when there is no log."""
    try:
        with path.open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - _TAIL_BYTES))
            tail = log.read()
    except FileNotFoundError:
        return []
    return tail.decode(errors="replace").splitlines()[-count:]
