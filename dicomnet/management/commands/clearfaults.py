"""``manage.py clearfaults``: end all fault injection."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dicomnet.faults import fault_file


class Command(BaseCommand):
    help = "End all fault injection; works within a second, whether it is allowed here or not."
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            was = fault_file().clear().names()
        except OSError as error:
            raise CommandError(f"The faults cannot be cleared under GANTRY_HOME: {error.strerror}.") from error
        self.stdout.write(f"Ended: {', '.join(was)}." if was else "No fault was injected.")
