"""Objects as files of a folder: a disk, or what is mounted like one."""

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from studies.disk import sync_folder, write_all
from tiering.errors import ObjectGone, StoreError, disk_in_words
from tiering.stores.store import READ_BYTES

PART = ".part"
SYNC_BYTES = (
    16 << 20
)  # gigabytes that are synced at once keep whoever syncs a small file beside them waiting for seconds


class FolderStore:
    """A Store (tiering.stores.store) below one folder, which must be there: an empty mount point is no disk.

    Args:
        root: the folder.
        name: of the location, for messages.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root, self._name = root, name

    def write(self, key: str, pieces: Iterable[bytes]) -> int:
        """See Store: written beside its place, synced, then named."""
        target, part = self._path(key), self._part(key)
        try:
            self._make_folders(target.parent)
            with part.open("wb", buffering=0) as file:
                unsynced = 0
                for piece in pieces:
                    write_all(file, piece)
                    unsynced += len(piece)
                    if unsynced > SYNC_BYTES:
                        os.fdatasync(file.fileno())
                        unsynced = 0
                os.fdatasync(file.fileno())
                size = file.tell()
            part.replace(target)
            sync_folder(target.parent)
        except OSError as error:
            raise self._in_words(error, "cannot be written") from error
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
        return size

    def read(self, key: str, start: int = 0, count: int | None = None) -> Iterator[bytes]:
        """See Store."""
        left = count
        try:
            with self._path(key).open("rb", buffering=0) as file:
                file.seek(start)
                while left is None or left > 0:
                    piece = file.read(READ_BYTES if left is None else min(READ_BYTES, left))
                    if not piece:
                        return
                    if left is not None:
                        left -= len(piece)
                    yield piece
        except OSError as error:
            raise self._in_words(error, "cannot be read") from error

    def size(self, key: str) -> int | None:
        """See Store."""
        try:
            return self._path(key).stat().st_size
        except OSError as error:
            failure = self._in_words(error, "cannot be read")
            if isinstance(failure, ObjectGone):
                return None
            raise failure from error

    def remove(self, key: str) -> None:
        """See Store."""
        self._unlink(self._path(key))

    def clear(self, key: str) -> None:
        """See Store."""
        self._unlink(self._part(key))

    def _unlink(self, path: Path) -> None:
        try:
            path.unlink()
        except OSError as error:
            failure = self._in_words(error, "cannot be changed")
            if not isinstance(failure, ObjectGone):
                raise failure from error

    def objects(self) -> Iterator[tuple[str, int]]:
        """See Store."""
        self._check_root()
        for folder, folders, names in os.walk(self._root):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                yield str(path.relative_to(self._root)), path.stat().st_size

    def _path(self, key: str) -> Path:
        return self._root / key

    def _part(self, key: str) -> Path:
        return self._root / (key + PART)

    def _make_folders(self, folder: Path) -> None:
        """Each new folder's name is made durable too."""
        self._check_root()
        missing = []
        while not folder.is_dir():
            missing.append(folder)
            folder = folder.parent
        for each in reversed(missing):
            each.mkdir(exist_ok=True)
            sync_folder(each.parent)

    def _check_root(self) -> None:
        if not self._root.is_dir():
            raise self._no_root()

    def _in_words(self, error: OSError, what: str) -> StoreError:
        if error.errno in {errno.ENOENT, errno.ENOTDIR}:
            return ObjectGone(f"{self._name} does not have it") if self._root.is_dir() else self._no_root()
        return StoreError(f"{self._name} {what}: {disk_in_words(error)}")

    def _no_root(self) -> StoreError:
        return StoreError(f"The folder of {self._name} is not there ({self._root}): is its disk mounted?")
