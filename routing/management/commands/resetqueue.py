"""``manage.py resetqueue``: make what waits due at once, or cancel it; nothing is ever deleted."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q, QuerySet

from routing import queue
from routing.lanes import end_pauses
from routing.models import Delivery, DeliveryState, Destination


class Command(BaseCommand):
    help = (
        "Begin anew with the deliveries that wait: they are due at once and the pauses of their destinations end, or,"
        " with --cancel, they are cancelled. Nothing is deleted, and what is being sent is left alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cancel", action="store_true", help="cancel them; each can still be retried")
        parser.add_argument("--failed", action="store_true", help="what has failed too, not only what waits")
        parser.add_argument("--destination", metavar="NAME", help="only what goes there")
        parser.add_argument("--study", metavar="UID", help="only of this Study Instance UID")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = self._chosen(options)
        count = chosen.count()
        what = "cancelled" if options["cancel"] else "made due at once"
        if not count:
            self.stdout.write("Nothing waits that matches.")
            return
        if not options["yes"] and not self._agrees(f"{count:,} deliveries will be {what}. Go on? [y/N] "):
            raise CommandError("Nothing was changed.")
        if options["cancel"]:
            done = queue.cancel(chosen)
        else:
            end_pauses(Destination.objects.filter(deliveries__in=chosen))
            done = queue.retry(chosen)
        self.stdout.write(f"{done:,} deliveries are {what}.")

    def _chosen(self, options: dict[str, Any]) -> QuerySet[Delivery]:
        states = [DeliveryState.PENDING, *([DeliveryState.DEAD] if options["failed"] else [])]
        chosen = Q(state__in=states)
        if options["destination"]:
            if not Destination.objects.filter(name=options["destination"]).exists():
                names = ", ".join(Destination.objects.values_list("name", flat=True)) or "none"
                raise CommandError(f"No destination is called {options['destination']}. There are: {names}.")
            chosen &= Q(destination__name=options["destination"])
        if options["study"]:
            chosen &= Q(instance__series__study__study_instance_uid=options["study"])
        return Delivery.objects.filter(chosen)

    def _agrees(self, question: str) -> bool:
        try:
            return input(question).strip().lower() in {"y", "yes"}
        except EOFError:
            raise CommandError("Nobody is there to answer. Add --yes to go on without a question.") from None
