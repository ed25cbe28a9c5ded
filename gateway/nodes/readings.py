"""What the operating system says of this host and of one of its processes."""

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from django.utils.translation import gettext_noop

from gateway.env import Environment
from studies.disk import DiskUse, disk_use

# As they are stored: pages translate them.
LABELS = (gettext_noop("Home"), gettext_noop("Hot store"), gettext_noop("Home, hot store"))


@dataclass(frozen=True)
class Disk:
    """The file system under one of Gantry's folders; its use is counted as the spool's light and the watermarks do."""

    label: str
    path: Path
    use: DiskUse


def disks(environment: Environment) -> list[Disk]:
    """Home and hot store; a folder that is not there yet has no line.

    Raises:
        OSError: a disk does not answer.
    """
    folders = [(gettext_noop("Home: database, spool, logs"), environment.home), ("Hot store", environment.storage)]
    return [Disk(label, path, disk_use(path)) for label, path in folders if path.exists()]


def file_systems(environment: Environment) -> list[dict[str, Any]]:
    """The same as JSON, with folders of one file system in one entry."""
    found: dict[int, dict[str, Any]] = {}
    for disk in disks(environment):
        label = disk.label.partition(":")[0]
        device = disk.path.stat().st_dev
        if device in found:
            found[device]["label"] += f", {label.lower()}"
            continue
        use = asdict(disk.use)
        found[device] = {"label": label, "path": str(disk.path)} | {
            name: use[name] for name in ("total_bytes", "free_bytes", "used_percent")
        }
    return list(found.values())


def host_reading(environment: Environment) -> dict[str, Any]:
    """The columns of a ``Node``; CPU is the mean since the last call in this process, 0 at the first."""
    memory = psutil.virtual_memory()
    return {
        "booted_at": datetime.fromtimestamp(psutil.boot_time(), UTC),
        "cpu_count": os.cpu_count() or 1,
        "cpu_percent": psutil.cpu_percent(),
        "load_average": psutil.getloadavg()[0],
        "memory_total_bytes": memory.total,
        # What programs can still have counts as free, as the kernel's own "available" does.
        "memory_used_bytes": memory.total - memory.available,
        "disks": file_systems(environment),
    }


def started_at(pid: int | None = None) -> datetime:
    """When a process, or this one, was started."""
    return datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC)


def rss_bytes(pid: int | None = None) -> int:
    """The memory that it holds, with what it shares."""
    return int(psutil.Process(pid).memory_info().rss)
