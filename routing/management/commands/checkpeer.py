"""Look at one destination: address, TLS, association and what it accepts, echo; and what to change when it fails."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from routing.checkup import check
from routing.kinds import warnings_of
from routing.models import Destination


class Command(BaseCommand):
    help = "Check one destination step by step, and say what to change when a step fails."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the destination's name")

    def handle(self, *args: Any, **options: Any) -> None:
        destination = self._destination(options["name"])
        self.stdout.write(f"{destination.name}: {destination.get_kind_display()}")
        is_good = True
        for step in check(destination):
            is_good = step.is_good
            self.stdout.write(f"{'ok    ' if step.is_good else 'FAILED'} {step.name}: {step.words}")
            for line in step.details:
                self.stdout.write(f"         {line}")
            if step.advice:
                self.stdout.write(f"       What to do: {step.advice}")
        for words in warnings_of(destination):
            self.stdout.write(f"Note: {words}")
        if not is_good:
            raise CommandError(f"{destination.name} cannot take instances now.")

    def _destination(self, name: str) -> Destination:
        found = Destination.objects.filter(name=name).first()
        if found is None:
            known = ", ".join(Destination.objects.values_list("name", flat=True)) or "none yet"
            raise CommandError(f"There is no destination “{name}”; there are: {known}.")
        return found
