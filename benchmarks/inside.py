"""Run a benchmark again in a child, with a home and a database that end with it."""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import nullcontext
from typing import Any


def run_inside(module: str, database: str, folder: str | None) -> Any:
    """What ``python -m benchmarks.<module> --inside`` prints as JSON, with the options of this process.

    Args:
        database: sqlite or postgresql.
        folder: where the home is made; None is the system's temporary folder.

    Raises:
        CalledProcessError: it failed, and said why.
    """
    from tests.servers import postgresql, valkey

    with (
        tempfile.TemporaryDirectory(prefix=f"gantry-{module}-", dir=folder) as home,
        valkey() as broker,
        postgresql() if database == "postgresql" else nullcontext() as url,
    ):
        environment = {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "gateway.settings.base",
            "GANTRY_HOME": home,
            "GANTRY_LOG_LEVEL": "ERROR",
            "REDIS_URL": broker,
            **({"DATABASE_URL": url} if url else {}),
        }
        command = [sys.executable, "-m", f"benchmarks.{module}", *sys.argv[1:], "--inside"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)
