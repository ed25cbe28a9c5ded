"""``manage.py injectfault``: disturb this installation, to see what it does then."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dicomnet.faults import NAMES, BadFault, fault_file


class Command(BaseCommand):
    help = "Inject a fault into the running installation; it takes effect within a second, and stays until clearfaults."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=NAMES)
        parser.add_argument(
            "value", nargs="?", default="", help="milliseconds of io_delay_ms, share of random_fail_rate"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        if name not in settings.GANTRY.faults:
            raise CommandError(
                f"{name} is not allowed here. Start Gantry, and this command, with GANTRY_FAULTS=1 and "
                f"DJANGO_DEBUG=on, or without DJANGO_DEBUG with the faults by name: GANTRY_FAULTS={name}."
            )
        try:
            found = fault_file().inject(name, options["value"])
        except BadFault as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The fault cannot be written under GANTRY_HOME: {error.strerror}.") from error
        self.stdout.write(f"Fault injection is on: {', '.join(found.names())}. `manage.py clearfaults` ends it.")
