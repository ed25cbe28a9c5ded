"""What the operating system tells of a disk, and what it must do for us: use in percent, synced names."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DiskUse:
    """How full a file system is for a program that is not root, as ``df`` counts it.

    Attributes:
        used_percent: share of bytes or of inodes in use, whichever is higher.
        files: inodes in all; 0 where the file system makes them as it needs them.
    """

    used_percent: float
    total_bytes: int
    free_bytes: int
    files: int
    free_files: int


def disk_use(folder: Path) -> DiskUse:
    """Ask the file system under a folder.

    Raises:
        OSError: the folder is not there, or its disk does not answer.
    """
    disk = os.statvfs(folder)
    blocks = disk.f_blocks - disk.f_bfree + disk.f_bavail
    bytes_used = 100 * (1 - disk.f_bavail / blocks) if blocks else 100
    inodes_used = 100 * (1 - disk.f_favail / disk.f_files) if disk.f_files else 0
    return DiskUse(
        used_percent=max(bytes_used, inodes_used),
        total_bytes=blocks * disk.f_frsize,
        free_bytes=disk.f_bavail * disk.f_frsize,
        files=disk.f_files,
        free_files=disk.f_favail,
    )


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
