"""``manage.py supervise``: the whole product in the foreground."""

import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from gateway.supervisor.errors import CannotStart
from gateway.supervisor.run import run


class Command(BaseCommand):
    help = "Prepare the installation and run all its processes until Ctrl-C or SIGTERM."
    # Checks that would stop a start are made by supervisor.preflight; Django's take longer than the start.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run(settings.GANTRY)
        except (CannotStart, OSError) as error:
            sys.exit(f"Gantry cannot start: {error}")
