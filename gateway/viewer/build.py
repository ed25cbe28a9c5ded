"""Build the viewer's bundle unless it is there: ``python -m gateway.viewer.build``.

Without Node.js, npm or a network the product starts without the viewer, and this says so in one sentence.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gateway.viewer.bundle import SOURCES, TARGET, folder, is_built, source_digest
from gateway.viewer.node import Node, fetch_node

_NPM_SECONDS = 300
_BUILD_SECONDS = 120
_NPM_OPTIONS = (
    "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error", "--prefer-offline",
    "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000",
)  # fmt: skip
_REASON_LENGTH = 300


def build_missing(say: Callable[[str], None]) -> bool:
    """Build it unless it is built; returns whether it is there.

    What cannot be had is told in one sentence and stops nothing.
    """
    if is_built():
        return True
    try:
        node = fetch_node(say)
        if node is None:
            say(_without("Node.js 20.19 or newer is missing"))
            return False
        _install(node, say)
        _build(node)
    except (OSError, subprocess.SubprocessError) as error:
        say(_without(_reason(error)))
        return False
    return True


def _install(node: Node, say: Callable[[str], None]) -> None:
    lock = (SOURCES / "package-lock.json").read_text()
    stamp = SOURCES / "node_modules" / ".gantry-lock"
    if stamp.exists() and stamp.read_text() == lock:
        return
    say("Installing the viewer's packages (a quarter of a minute) ...")
    _run([*node.npm, *_NPM_OPTIONS], node, _NPM_SECONDS)
    stamp.write_text(lock)


def _build(node: Node) -> None:
    digest = source_digest()
    target = folder(digest)
    # Beside its place, then named: a build that is cut off is no bundle.
    fresh = TARGET / f"{digest}.{os.getpid()}.new"
    TARGET.mkdir(parents=True, exist_ok=True)
    try:
        _run([node.node, "build.mjs", str(fresh)], node, _BUILD_SECONDS)
        for path in [fresh, *fresh.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    for old in TARGET.iterdir():
        if old != target:
            shutil.rmtree(old, ignore_errors=True)


def _run(command: list[str], node: Node, timeout_seconds: int) -> None:
    path = f"{Path(node.node).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    subprocess.run(
        command,
        cwd=SOURCES,
        env={**os.environ, "CI": "true", "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
        timeout=timeout_seconds,
    )


def _reason(error: Exception) -> str:
    output = getattr(error, "output", None) or b""
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    words = next((line for line in lines if "ERR" in line or "error" in line.lower()), "") or str(error)
    return words.strip()[:_REASON_LENGTH].rstrip(".")


def _without(reason: str) -> str:
    return f"Gantry runs without the built-in viewer, which could not be built ({reason}); `make viewer` tries again."


if __name__ == "__main__":
    sys.exit(0 if build_missing(partial(print, flush=True)) else 1)
