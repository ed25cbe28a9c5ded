"""How many associations a peer has from all processes together: a file is locked for each of them.

A lock ends with its process, so nothing has to be cleared up after one that was killed.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path


def take_place(folder: Path, name: str, count: int) -> AbstractContextManager[None] | None:
    """One of ``count`` places, held until the block ends; None while all are taken.

    Args:
        folder: on a local disk; made when it is not there.
        name: of the peer, as part of a file's name.
        count: how many there are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        fd = os.open(folder / f"{name}.{number}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            continue
        except BaseException:
            os.close(fd)
            raise
        return _held(fd)
    return None


@contextmanager
def _held(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)
