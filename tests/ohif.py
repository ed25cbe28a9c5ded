"""OHIF for the tests in a browser: installed as ``manage.py installohif`` does, once, into a folder that git ignores.

``python -m tests.ohif`` does it alone.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gateway.viewer import ohif_install
from gateway.viewer.node import fetch_node
from gateway.viewer.ohif import INDEX
from gateway.viewer.ohif_install import CannotInstall, install_ohif

_HOME = Path(__file__).resolve().parent / "e2e" / ".ohif"


def folder() -> Path:
    """Where it is, or would be: named by the code that installs it, which also says which package."""
    return _HOME / hashlib.sha256(Path(ohif_install.__file__).read_bytes()).hexdigest()[:12]


def is_installed() -> bool:
    """What the present code installs is there, whole."""
    return (folder() / INDEX).is_file()


def install_missing(say: Callable[[str], None]) -> bool:
    """Install it unless it is there; returns whether it is."""
    if is_installed():
        return True
    shutil.rmtree(_HOME, ignore_errors=True)
    try:
        node = fetch_node(say)
        if node is None:
            raise CannotInstall("Node.js 20.19 or newer is missing.")
        install_ohif(node, folder(), say)
    except (CannotInstall, OSError, subprocess.SubprocessError) as error:
        say(f"OHIF cannot be installed, and its tests are skipped: {error}")
        return False
    return True


if __name__ == "__main__":
    sys.exit(0 if install_missing(partial(print, flush=True)) else 1)
