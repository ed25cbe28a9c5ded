"""A whole instance in another transfer syntax, in a file without a name that is gone when it is closed."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from studies.models import Instance
from studies.pixels import ask

PIECE_BYTES = 1 << 20


class Rewritten:
    """The bytes of a Part 10 file, in pieces; once."""

    def __init__(self, fd: int, transfer_syntax_uid: str) -> None:
        self._fd, self.transfer_syntax_uid = fd, transfer_syntax_uid
        self.size_bytes = os.fstat(fd).st_size

    def __iter__(self) -> Iterator[bytes]:
        try:
            position = 0
            while piece := os.pread(self._fd, PIECE_BYTES, position):
                position += len(piece)
                yield piece
        finally:
            self.close()

    def close(self) -> None:
        """Give the room back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()


def rewritten(instance: Instance, transfer_syntax_uid: str) -> Rewritten:
    """Transcode one instance, without loss but for what its present form has lost already.

    Raises:
        CannotDecode: it cannot be.
        InstanceMissing, InstanceDamaged, Busy: as for ``studies.pixels.ask``.
    """
    fd = os.open(cache_folder(), os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        target = f"/proc/{os.getpid()}/fd/{fd}"
        ask(instance, "rewrite", transfer_syntax_uid=transfer_syntax_uid, target=target)
    except BaseException:
        os.close(fd)
        raise
    return Rewritten(fd, transfer_syntax_uid)


def cache_folder(name: str = "") -> Path:
    """A folder for what can be made again."""
    gantry: Any = settings.GANTRY
    folder: Path = gantry.home / "cache" / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
