"""Which code runs: read from git's files, of a checkout, a second working tree, and where there is none."""

import tomllib
from pathlib import Path

import pytest

from gateway.env import BASE_DIR
from gateway.nodes.version import read_commit, running_code

pytestmark = pytest.mark.embedded
COMMIT = "62a6949cf64937ecc3e0d9280261195f9b890ca3"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_version_is_that_of_the_project() -> None:
    assert running_code().version == tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.parametrize(
    "files",
    [
        {".git/HEAD": COMMIT},
        {".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": f"{COMMIT}\n"},
        {".git/HEAD": "ref: refs/heads/main\n", ".git/packed-refs": f"# pack-refs\n{COMMIT} refs/heads/main\n"},
        {
            ".git": "gitdir: store/worktrees/second\n",
            "store/worktrees/second/HEAD": "ref: refs/heads/second\n",
            "store/worktrees/second/commondir": "../..\n",
            "store/refs/heads/second": f"{COMMIT}\n",
        },
    ],
    ids=["detached", "branch", "packed", "second working tree"],
)
def test_commit_of_a_checkout(files: dict[str, str], tmp_path: Path) -> None:
    for name, text in files.items():
        write(tmp_path / name, text)

    assert read_commit(tmp_path) == COMMIT[:12]


@pytest.mark.parametrize(
    "files",
    [{}, {".git/HEAD": "ref: refs/heads/main"}, {".git/HEAD": "ref: HEAD", ".git/HEAD2": ""}],
    ids=["none", "no branch yet", "in a circle"],
)
def test_no_commit_is_no_error(files: dict[str, str], tmp_path: Path) -> None:
    for name, text in files.items():
        write(tmp_path / name, text)

    assert read_commit(tmp_path) == ""
