"""A process with a heart and nothing else: ``python -m tests.gateway.nodes.beating NAME``; ends with its input."""

import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings.base")
django.setup()

from gateway.nodes import heart  # noqa: E402 (models are there only now)

heart.BEAT_SECONDS = 0.2  # type: ignore[assignment]
beating = heart.Heart("worker", sys.argv[1], lambda: 3)
beating.start()
sys.stdin.read()
beating.stop()
