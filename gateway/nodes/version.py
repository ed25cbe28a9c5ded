"""Which code runs here: the version, and the commit where this is a checkout."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gateway.env_values import BASE_DIR

_SHORT = 12
_DEEPEST = 5  # a reference names another one at most so often


@dataclass(frozen=True)
class Code:
    """What a process has loaded.

    Attributes:
        commit: empty where there is none.
    """

    version: str
    commit: str


@cache
def running_code() -> Code:
    """Of this process: asked at its start, so that a later update of the files does not change the answer."""
    with (BASE_DIR / "pyproject.toml").open("rb") as file:
        version = str(tomllib.load(file)["project"]["version"])
    return Code(version, read_commit(BASE_DIR))


def read_commit(checkout: Path) -> str:
    """The first digits of the commit that is checked out, read from git's files; git itself need not be there."""
    try:
        folder = checkout / ".git"
        if folder.is_file():  # of a second working tree
            folder = checkout / folder.read_text().removeprefix("gitdir:").strip()
        common = folder / "commondir"
        shared = folder / common.read_text().strip() if common.is_file() else folder
        return _resolve(folder, shared)[:_SHORT]
    except OSError:
        return ""


def _resolve(folder: Path, shared: Path) -> str:
    value = (folder / "HEAD").read_text().strip()
    for _ in range(_DEEPEST):
        if not value.startswith("ref:"):
            return value
        name = value.removeprefix("ref:").strip()
        value = (shared / name).read_text().strip() if (shared / name).is_file() else _packed(shared, name)
    return ""


def _packed(shared: Path, name: str) -> str:
    lines = (shared / "packed-refs").read_text().splitlines()
    return next((line.partition(" ")[0] for line in lines if line.endswith(f" {name}")), "")
