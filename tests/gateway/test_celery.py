"""What beat asks for is what a worker knows that was started as workers are."""

import os
import subprocess
import sys

import pytest

from gateway.celery import app

pytestmark = pytest.mark.embedded
# A process of its own: here every module of tasks has been imported by some test.
KNOWN = "from gateway.celery import app; app.loader.import_default_modules(); print(*app.tasks)"


def test_workers_know_every_task_that_beat_asks_for() -> None:
    done = subprocess.run([sys.executable, "-c", KNOWN], capture_output=True, text=True, check=True, env=os.environ)
    asked = {entry["task"] for entry in app.conf.beat_schedule.values()}
    assert asked - set(done.stdout.split()) == set()
