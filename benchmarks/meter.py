"""CPU time and memory of process trees, read from the kernel and not sampled, so that reading costs the run nothing."""

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")
MIB = 1 << 20


def tree(roots: Iterable[int]) -> dict[int, float]:
    """These processes and their living descendants: CPU seconds by pid, with those of children they waited for."""
    children: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):  # it ended meanwhile
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            pid = int(entry.name)
            children.setdefault(int(fields[1]), []).append(pid)
            seconds[pid] = sum(int(field) for field in fields[11:15]) / _TICKS
    found: dict[int, float] = {}
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        if pid in seconds and pid not in found:
            found[pid] = seconds[pid]
            waiting.extend(children.get(pid, []))
    return found


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of these process trees since they began."""
    return sum(tree(roots).values())


def forget_peaks(roots: Iterable[int]) -> None:
    """Let the peak of memory begin anew, where the kernel lets us: starting up is no part of a measurement."""
    for pid in tree(roots):
        with suppress(OSError):
            (_PROC / str(pid) / "clear_refs").write_text("5")


def peak_bytes(roots: Iterable[int]) -> int:
    """An upper bound of the memory that these trees held at once, pages that processes share counted once.

    The kernel keeps each process's own peak (VmHWM): what that exceeds the present by is added to the present
    proportional set sizes (PSS). Processes that have ended already are not in it.
    """
    return sum(_peak_bytes(pid) for pid in tree(roots))


def _peak_bytes(pid: int) -> int:
    try:
        rollup = _kilobytes(pid, "smaps_rollup")
        status = _kilobytes(pid, "status")
    except OSError:
        return 0
    return 1024 * (rollup.get("Pss", 0) + max(0, status.get("VmHWM", 0) - status.get("VmRSS", 0)))


def _kilobytes(pid: int, name: str) -> dict[str, int]:
    found = {}
    for line in (_PROC / str(pid) / name).read_text().splitlines():
        key, _, value = line.partition(":")
        words = value.split()
        if len(words) == 2 and words[1] == "kB":
            found[key] = int(words[0])
    return found


@dataclass(frozen=True)
class Holdings:
    """What process trees hold."""

    processes: int
    threads: int
    descriptors: int
    pss_bytes: int


def holdings(roots: Iterable[int]) -> Holdings:
    """Threads, descriptors and memory of these process trees now."""
    pids = [pid for pid in tree(roots) if (_PROC / str(pid) / "task").exists()]
    return Holdings(
        processes=len(pids),
        threads=sum(len(list((_PROC / str(pid) / "task").iterdir())) for pid in pids),
        descriptors=sum(len(list((_PROC / str(pid) / "fd").iterdir())) for pid in pids),
        pss_bytes=1024 * sum(_kilobytes(pid, "smaps_rollup").get("Pss", 0) for pid in pids),
    )


def prewarm(folder: Path, size_bytes: int) -> None:
    """Write and delete as many bytes as a receiver will.

    On a virtual machine whose host takes back free memory, the first write to a page is many times slower; without
    this every receiver pays for it at random.
    """
    block = bytes(MIB)
    path = folder / "prewarm"
    with path.open("wb", buffering=0) as file:
        for _ in range(size_bytes // MIB + 1):
            file.write(block)
    path.unlink()
