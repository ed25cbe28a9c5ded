"""Faults on demand, for a lab: which are on stands in one file, so that all processes see it, after a restart too.

Who may be disturbed decides at its start whether it looks at all (GANTRY_FAULTS): an installation without the setting
pays nothing and cannot be disturbed, whatever the file says. A fault only ever refuses or delays.
"""

import json
import logging
import os
import time
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings

logger = logging.getLogger(__name__)
LOOK_SECONDS = 0.25
LONGEST_DELAY_MS = 60_000


class BadFault(ValueError):
    """There is no such fault, or not with this value; the message is for the person who typed it."""


@dataclass(frozen=True)
class Faults:
    """What is injected now; as it is made, nothing is.

    Attributes:
        reject_all: every C-STORE request is refused.
        disk_full: the spool's disk is taken for full.
        io_delay_ms: each instance that comes in or goes out waits so long.
        random_fail_rate: share, 0 to 1, of what comes in or goes out that fails.
    """

    reject_all: bool = False
    disk_full: bool = False
    io_delay_ms: int = 0
    random_fail_rate: float = 0.0

    def names(self) -> list[str]:
        """Those that are on, with their values where they have one."""
        found = [(each.name, getattr(self, each.name)) for each in fields(self)]
        return [name if value is True else f"{name} {value:g}" for name, value in found if value]


NAMES = tuple(each.name for each in fields(Faults))


class FaultFile:
    """The file; reading it through ``current`` costs next to nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._current = Faults()
        self._look_at = 0.0

    def current(self) -> Faults:
        """What is on, as it was a quarter of a second ago at most."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._current = self.read()
        return self._current

    def read(self) -> Faults:
        """What is on now; a file that is none of ours injects nothing."""
        try:
            found = json.loads(self._path.read_text())
            values: dict[str, Any] = {name: parse(name, str(value)) for name, value in found.items()}
            return Faults(**values)
        except FileNotFoundError:
            return Faults()
        except (OSError, ValueError, TypeError, AttributeError) as error:
            logger.error("faults cannot be read, none is injected", extra={"error": type(error).__name__})
            return Faults()

    def inject(self, name: str, value: str) -> Faults:
        """Switch one on, beside those that are.

        Raises:
            BadFault: there is no such fault, or not with this value.
            OSError: the file cannot be written.
        """
        found = Faults(**asdict(self.read()) | {name: parse(name, value)})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        fresh.write_text(json.dumps({name: value for name, value in asdict(found).items() if value}))
        fresh.replace(self._path)
        return found

    def clear(self) -> Faults:
        """Switch all off; returns what was on.

        Raises:
            OSError: the file cannot be removed.
        """
        was = self.read()
        self._path.unlink(missing_ok=True)
        return was


def parse(name: str, value: str) -> bool | int | float:
    """The value of a fault as people type it.

    Raises:
        BadFault: there is no such fault, or not with this value.
    """
    match name:
        case "reject_all" | "disk_full":
            if value.lower() not in {"", "1", "true", "on", "yes"}:
                raise BadFault(f"{name} takes no value; clearfaults ends it.")
            return True
        case "io_delay_ms":
            if not value.isdecimal() or not 1 <= int(value) <= LONGEST_DELAY_MS:
                raise BadFault(f"io_delay_ms needs milliseconds from 1 to {LONGEST_DELAY_MS}, such as 200.")
            return int(value)
        case "random_fail_rate":
            try:
                rate = float(value)
            except ValueError:
                rate = -1.0
            if not 0 < rate <= 1:
                raise BadFault("random_fail_rate needs a share from 0 to 1, such as 0.1.")
            return rate
        case _:
            raise BadFault(f"There is no fault {name}: choose one of {', '.join(NAMES)}.")


@cache
def _file(path: Path) -> FaultFile:
    return FaultFile(path)


def fault_file() -> FaultFile:
    """That of this installation."""
    return _file(settings.GANTRY.run_dir / "faults.json")
