"""Conditions that all processes of an installation see: a file that is there, with the reason as its text."""

import os
from contextlib import suppress
from pathlib import Path


class Mark:
    """One condition, such as a disk that is nearly full.

    The file is the truth, so that listeners, workers and the portal agree and a process that starts later knows too.
    Where it cannot be written, for the disk that it lies on may be the one that fails, this process remembers alone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._remembered = ""

    def words(self) -> str:
        """Why it is set; empty when it is not."""
        try:
            return self._path.read_text() or "no reason was written"
        except FileNotFoundError:
            return self._remembered
        except OSError:
            return self._remembered or "its mark cannot be read"

    def set(self, words: str) -> bool:
        """Set it, or renew it with its first reason; True for the one who set it, who then says so in the log."""
        try:
            fd = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o640)
        except FileExistsError:
            with suppress(OSError):
                os.utime(self._path)
            return False
        except OSError:
            is_new = not self._remembered
            self._remembered = words
            return is_new
        try:
            os.write(fd, words.encode())
        except OSError:
            self._remembered = words  # an empty file says enough to the others
        finally:
            os.close(fd)
        return True

    def version(self) -> int:
        """Changes each time that it is set or renewed."""
        try:
            return self._path.stat().st_mtime_ns
        except OSError:
            return 0

    def clear(self, version: int | None = None) -> bool:
        """Take it away, or only when nobody renewed it since that version; True for the one who did."""
        # Looked at first: to unlink, even what is not there, waits on a disk that hangs.
        if not self.words() or (version is not None and version != self.version()):
            return False
        was_remembered, self._remembered = bool(self._remembered), ""
        try:
            self._path.unlink()
        except FileNotFoundError:
            return was_remembered
        except OSError:
            return False
        return True
