"""Events on their way to the database: files first, since what happened may be that the database is away.

Whoever has something to say puts it here; one process of the host carries it on. The supervisor, which waits for
nobody, says in the same way that it lives.
"""

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)
MOST_WAITING = 1_000  # while the database is away for long; the first ones say most


@dataclass(frozen=True)
class Event:
    """What happened.

    Attributes:
        at: by this host's clock, in ISO format.
        kind: a value of gateway.nodes.models.EventKind.
    """

    at: str
    kind: str
    subject: str
    words: str


class Outbox:
    """A folder with one file for each event; an error of the disk costs the event and nothing else."""

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / "events"
        self._supervisor = run_dir / "supervisor.json"

    def note(self, kind: str, subject: str, words: str = "") -> None:
        """Something happened just now."""
        event = Event(datetime.now(UTC).isoformat(), kind, subject, words)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if sum(1 for _ in self._folder.iterdir()) < MOST_WAITING:
                _write(self._folder / f"{time.time_ns():020}-{os.getpid()}.json", asdict(event))
        except OSError as error:
            logger.warning("event not noted", extra={"kind": kind, "subject": subject, "error": error.strerror})

    def waiting(self) -> Iterator[tuple[Path, Event]]:
        """Events with their files, oldest first; a file that holds none is removed."""
        with suppress(FileNotFoundError):  # nothing has happened yet
            for path in sorted(self._folder.glob("*.json")):
                try:
                    yield path, Event(**json.loads(path.read_text()))
                except (ValueError, TypeError):
                    path.unlink(missing_ok=True)

    def supervisor_lives(self, **told: Any) -> None:
        """The supervisor says what it is; the file's time says when it did."""
        try:
            _write(self._supervisor, told)
        except OSError as error:
            logger.warning("no sign of life given", extra={"error": error.strerror})

    def supervisor(self) -> tuple[float, dict[str, Any]] | None:
        """When the supervisor last said so, in seconds since 1970, and what; None where there is none."""
        try:
            return self._supervisor.stat().st_mtime, json.loads(self._supervisor.read_text())
        except (OSError, ValueError):
            return None


def _write(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(json.dumps(content))
        fresh.rename(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()  # on a full disk the beginning of it may be there
        raise
