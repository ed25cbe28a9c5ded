"""``manage.py installohif``: the advanced viewer, from the npm registry."""

import subprocess
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway.viewer.node import fetch_node
from gateway.viewer.ohif import ohif_folder
from gateway.viewer.ohif_install import CannotInstall, install_ohif


class Command(BaseCommand):
    help = "Install OHIF, the advanced viewer, under /ohif/ (50 MB from the npm registry)."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        def say(words: str) -> None:
            self.stdout.write(words)
            self.stdout.flush()

        try:
            node = fetch_node(say)
            if node is None:
                raise CommandError("OHIF is not installed: Node.js 20.19 or newer is missing.")
            install_ohif(node, ohif_folder(), say)
        except CannotInstall as error:
            raise CommandError(str(error)) from error
        except (OSError, subprocess.SubprocessError) as error:
            raise CommandError(f"OHIF is not installed: {error}.") from error
        say("OHIF is installed; it is offered in the viewer and at /ohif/.")
