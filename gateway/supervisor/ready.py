"""How a process tells the supervisor that it serves: it makes the file that the supervisor named.

A process that was started by hand has no such file to make, and nothing happens.
"""

import os
from pathlib import Path
from typing import Any

from celery.signals import beat_init, worker_ready

READY_FILE_VARIABLE = "GANTRY_READY_FILE"


def announce_ready() -> None:
    """Make the file; not a setting of the installation but a word between the supervisor and its child."""
    path = os.environ.get(READY_FILE_VARIABLE)
    if path:
        Path(path).touch()


@worker_ready.connect
def _worker_takes_tasks(**_kwargs: Any) -> None:
    announce_ready()


@beat_init.connect
def _beat_keeps_time(**_kwargs: Any) -> None:
    announce_ready()
