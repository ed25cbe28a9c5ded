"""The hot store: DICOM files under names that Gantry makes (Django storage ``dicom``)."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage, storages

from studies.disk import sync_folder

MAXIMUM_NAMED = 1_000  # a folder is filled for half a minute


class HotStorage(FileSystemStorage):
    """A folder of files that can take over a spooled one without copying it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Folders whose own names this process has made durable: syncing them again would cost a flush of the disk.
        self._named: set[Path] = set()

    def adopt(self, source: Path, name: str) -> None:
        """Give a spooled file its place; it may be there already, from a run that was broken off.

        On one file system this is a hard link; on two it is a copy, synced and then named. The folder is not synced
        here: ``sync`` does that once for a batch, before the index says that the file is there.
        """
        target = f"{self.location}/{name}"
        try:
            self._link(source, target)
        except FileNotFoundError:
            folder = Path(target).parent
            folder.mkdir(parents=True, exist_ok=True)
            self._named -= {folder, folder.parent}
            self._link(source, target)

    def sync(self, names: list[str]) -> None:
        """Make the names of a batch durable, and those of the folders that they are in."""
        folders = {Path(self.location, name) for name in {os.path.dirname(name) for name in names}}
        for folder in folders:
            sync_folder(folder)
        fresh = folders - self._named
        for folder in [*{folder.parent for folder in fresh}, *([Path(self.location)] if fresh else [])]:
            sync_folder(folder)
        if len(self._named) > MAXIMUM_NAMED:
            self._named.clear()
        self._named |= fresh

    def _link(self, source: Path, target: str) -> None:
        try:
            os.link(source, target)
        except FileExistsError:
            pass
        except OSError as error:
            if error.errno not in {errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP}:
                raise
            _copy_durably(source, Path(target))


def hot_storage() -> HotStorage:
    """The storage that settings name ``dicom``."""
    storage = storages["dicom"]
    assert isinstance(storage, HotStorage)  # noqa: S101 (settings name no other class)
    return storage


def location_for(ulid: str) -> str:
    """``01KAJ/01KAJ3Q/<ulid>.dcm``: a folder for each 33 s of receipt, in one for each 9 h.

    So folders stay small at any rate, a batch has its files in one or two of them, and old ones are left alone.
    """
    return f"{ulid[:5]}/{ulid[:7]}/{ulid}.dcm"


def _copy_durably(source: Path, target: Path) -> None:
    part = target.with_suffix(".part")
    with source.open("rb") as reader, part.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fdatasync(writer.fileno())
    part.replace(target)
