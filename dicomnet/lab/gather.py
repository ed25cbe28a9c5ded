"""Find what can be sent among files and folders, and say why the rest cannot."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydicom.uid import MediaStorageDirectoryStorage

from dicomnet.part10 import NotPart10
from dicomnet.scu.store import Outgoing


@dataclass(frozen=True)
class Skipped:
    """A file that holds no instance to send, and why."""

    path: Path
    reason: str


@dataclass
class Gathered:
    """Instances in the order of their paths, and the files left out."""

    instances: list[Outgoing] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)


def gather(paths: Iterable[Path]) -> Gathered:
    """Look through files and, recursively, folders."""
    gathered = Gathered()
    for path in _files(paths):
        try:
            instance = Outgoing.from_file(path)
        except (NotPart10, OSError) as error:
            reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
            gathered.skipped.append(Skipped(path, reason))
            continue
        if reason := _objection(instance):
            gathered.skipped.append(Skipped(path, reason))
        else:
            gathered.instances.append(instance)
    return gathered


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file())
        else:
            yield path


def _objection(instance: Outgoing) -> str:
    """Why this Part 10 file cannot go into a C-STORE request; empty when it can."""
    if instance.sop_class_uid == MediaStorageDirectoryStorage:
        return "a DICOMDIR lists instances, it is none"
    for name, uid in (
        ("SOP Class UID", instance.sop_class_uid),
        ("SOP Instance UID", instance.sop_instance_uid),
        ("Transfer Syntax UID", instance.transfer_syntax_uid),
    ):
        if not uid or not uid.isascii() or len(uid) > 64:
            return f"its {name} is missing or not a UID"
    if instance.data_set_offset >= instance.size_bytes:
        return "it holds no data set"
    return ""
