"""Secrets in a document: never themselves, only where they are to be had.

``kept`` is the one that the row has. ``{from: env, name: GANTRY_DEST_PACS1_PASSWORD}`` is a variable of the process
that reads the document, ``{from: file, name: dest_pacs1_password}`` a file in the folder ``secrets/config`` of
GANTRY_HOME. Neither reaches any other secret of this machine: who may import a document also says where a password is
sent to.
"""

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.conf import settings

KEPT = "kept"
FORMS = (KEPT, "env", "file")
_LONGEST = 10_000
_VARIABLE = re.compile(r"GANTRY_(DEST|SOURCE|TIER)_[A-Z0-9_]{1,150}")
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,150}")


class BadReference(ValueError):
    """The secret cannot be had; the message says what to do, and nothing of the secret."""


@dataclass(frozen=True)
class SecretField:
    """The secret of one kind of row.

    Attributes:
        name: of the field.
        prefix: of the variables that are proposed for it.
        suffix: of them.
        is_taken: whether a row with these values has one.
        place: what it is sealed for; raises BadAddress.
    """

    name: str
    prefix: str
    suffix: str
    is_taken: Callable[[Mapping[str, Any]], bool]
    place: Callable[[Mapping[str, Any]], str]


def references(names: Iterable[str], secret: SecretField, form: str) -> dict[str, Any]:
    """How the secrets of rows with these names are written, by name."""
    if form == KEPT:
        return dict.fromkeys(names, KEPT)
    words = {name: re.sub(r"[^A-Z0-9]+", "_", name.upper()).strip("_") for name in names}
    times = Counter(words.values())
    found = {}
    for name, word in words.items():
        # Two that differ in other characters only, or that have no other.
        unique = word if word and times[word] == 1 else f"{word}_{sha256(name.encode()).hexdigest()[:8].upper()}"
        variable = f"{secret.prefix}_{unique}_{secret.suffix}"
        lower = variable.removeprefix("GANTRY_").lower()
        found[name] = {"from": form, "name": variable if form == "env" else lower}
    return found


def resolve(reference: Any) -> str:
    """The secret that a reference leads to.

    Raises:
        BadReference: it is none, or leads nowhere.
    """
    if not isinstance(reference, dict) or set(reference) != {"from", "name"}:
        raise BadReference("Write kept, {from: env, name: VARIABLE} or {from: file, name: FILE}, never a secret.")
    form, name = reference["from"], reference["name"]
    if form == "env":
        return _from_variable(name)
    if form == "file":
        return _from_file(name)
    raise BadReference("A secret comes from env or from file.")


def folder() -> Path:
    """Where files with secrets for imports are."""
    return Path(settings.GANTRY.secrets_dir) / "config"


def _from_variable(name: Any) -> str:
    if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
        raise BadReference(
            "Name a variable that begins with GANTRY_DEST_, GANTRY_SOURCE_ or GANTRY_TIER_, in capitals: others are "
            "not read."
        )
    value = os.environ.get(name, "")
    if not value:
        raise BadReference(f"The variable {name} is not set where Gantry runs: set it, or write kept.")
    return value


def _from_file(name: Any) -> str:
    if not isinstance(name, str) or not _FILE.fullmatch(name):
        raise BadReference(f"Give the name of a file in {folder()}, without a path.")
    path = folder() / name
    try:
        mode = path.stat().st_mode
        if not path.resolve().is_relative_to(folder().resolve()) or not stat.S_ISREG(mode):
            raise BadReference(f"{name} leads out of {folder()}: put the file itself there.")
        if mode & 0o077:
            raise BadReference(f"Others may read {path}: chmod 600 it, and think of changing what is in it.")
        with path.open("rb") as file:
            content = file.read(_LONGEST).decode()
    except OSError as error:
        raise BadReference(f"{path} cannot be read ({error.strerror}): put the secret there, in mode 600.") from error
    except UnicodeDecodeError as error:
        raise BadReference(f"{path} is not text in UTF-8.") from error
    if not content.strip("\r\n"):
        raise BadReference(f"{path} is empty: put the secret there.")
    return content.removesuffix("\n").removesuffix("\r")
