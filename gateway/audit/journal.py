"""A journal on disk for what changes nothing: one line for each access, taken into a chain every few seconds.

Who reads must not wait for who writes: with SQLite a record of its own would have each search wait for the index. A
line is with the operating system before the answer goes out, so a process that is killed loses none; a power cut may
lose those of the last seconds.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import datetime
from pathlib import Path
from typing import IO

from django.conf import settings
from django.db import transaction

from dicomnet.audit import Action, ActorKind, Entry
from gateway.audit.models import TakenJournal
from studies.ulid import new_ulid

logger = logging.getLogger(__name__)
_FIELDS = [field.name for field in fields(Entry)]


def folder() -> Path:
    """``GANTRY_HOME/audit``: the journal, and where heads are anchored."""
    path: Path = settings.GANTRY.home / "audit"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write(entries: Sequence[tuple[datetime, Entry]]) -> None:
    """Add lines. A disk that takes none does not keep a physician from a study: the log says who had it."""
    lines = "".join(_line(at, entry) for at, entry in entries)
    try:
        with _open(folder() / "waiting.jsonl") as file:
            file.write(lines.encode())
    except OSError as error:
        for _, entry in entries:
            extra = {"action": entry.action.value, "actor": entry.actor, "study": entry.study_instance_uid}
            logger.error("an access is not on record: %s", error.strerror, extra=extra)


def take_in() -> int:
    """Take what waits into a chain; returns how many records. Does nothing while another process of this host is at it.

    Raises:
        OSError, DatabaseError: what is left is tried again.
    """
    if not any(folder().glob("waiting*.jsonl")):
        return 0
    with (folder() / "taking.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0
        _close(folder() / "waiting.jsonl")
        return sum(_take(path) for path in sorted(folder().glob("waiting-*.jsonl")))


def _line(at: datetime, entry: Entry) -> str:
    values = [at.isoformat(), *(getattr(entry, name) for name in _FIELDS)]
    return json.dumps(values, separators=(",", ":"), default=str) + "\n"


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """The journal that is written to now, locked: the one that was opened may have been closed meanwhile."""
    while True:
        with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_there(path, file):
                yield file
                return


def _is_there(path: Path, file: IO[bytes]) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _close(path: Path) -> None:
    """Give the journal a name of its own, under which nobody writes to it."""
    if path.exists():
        with _open(path):
            path.rename(path.with_name(f"waiting-{new_ulid()}.jsonl"))


def _take(path: Path) -> int:
    """One closed journal. Its name is a row until the file is gone: so a crash in between repeats nothing."""
    from gateway.audit.record import append

    with transaction.atomic():
        is_new = not TakenJournal.objects.filter(name=path.name).exists()
        if is_new:
            TakenJournal.objects.create(name=path.name)
        count = append(_with_patients(_entries(path))) if is_new else 0
    path.unlink()
    TakenJournal.objects.filter(name=path.name).delete()
    return count


def _entries(path: Path) -> Iterator[tuple[datetime, Entry]]:
    with path.open() as lines:
        for number, line in enumerate(lines, 1):
            try:
                at, *values = json.loads(line)
                given = dict(zip(_FIELDS, values, strict=True))
                given["action"], given["actor_kind"] = Action(given["action"]), ActorKind(given["actor_kind"])
                yield datetime.fromisoformat(at), Entry(**given)
            except (ValueError, TypeError):  # cut by a power cut
                logger.error("a line of the audit journal cannot be read", extra={"file": path.name, "line": number})


def _with_patients(entries: Iterable[tuple[datetime, Entry]]) -> Iterator[tuple[datetime, Entry]]:
    """With the Patient ID of each study, as it is stored now."""
    from studies.models import Study

    found: dict[str, str] = {}
    for at, entry in entries:
        uid = entry.study_instance_uid
        if not uid or entry.patient_id:
            yield at, entry
            continue
        if uid not in found:
            study = Study.objects.filter(study_instance_uid=uid).values_list("patient_id", flat=True).first()
            found[uid] = study or ""
        yield at, replace(entry, patient_id=found[uid])
