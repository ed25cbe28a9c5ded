"""``manage.py reindex``: rows of the database from the stores alone."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from studies.models import Instance, Tier
from tiering.errors import StoreError
from tiering.models import Location
from tiering.reindex import reindex_hot_store, reindex_location
from tiering.scrub import check_hot_store


class Command(BaseCommand):
    help = (
        "Write rows for stored instances that have none: for the hot store, then for each location. Nothing is removed,"
        " and twice is once. Rules decide on what gets a row as on what comes in: enter them first if it is to be sent"
        " again, afterwards if not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--location",
            action="append",
            metavar="NAME",
            help="only the hot store and this one; may be repeated. A lost one is entered under Tiers first",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._console = Console(file=self.stdout)  # type: ignore[arg-type]
        locations = self._locations(options["location"])
        unread = []
        for location in (None, *locations):
            name = location.name if location else "hot store"
            try:
                new = self._take(location, name)
            except StoreError as error:
                unread.append(f"{name}: {error}")
                continue
            self.stdout.write(f"{name}: {new:,} instances have a row now that had none.")
        self.stdout.write(f"{Instance.objects.count():,} instances in all.")
        if unread:
            raise CommandError("Not all could be read:\n" + "\n".join(unread))

    def _locations(self, names: list[str] | None) -> list[Location]:
        """Quicker tiers first: an instance that is in two is read from the quicker one."""
        found = Location.objects.all() if names is None else Location.objects.filter(name__in=names)
        unknown = sorted(set(names or ()) - {location.name for location in found})
        if unknown:
            raise CommandError(f"There is no location {unknown[0]!r}: add it under Tiers first.")
        return sorted(found, key=lambda location: (Tier.values.index(location.tier), location.pk))

    def _take(self, location: Location | None, name: str) -> int:
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        ) as progress:
            task = progress.add_task(name, total=None)

            def passed() -> None:
                progress.advance(task)

            if location is None:
                check_hot_store()
                return reindex_hot_store(passed, self._say)
            return reindex_location(location, passed, self._say)

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)
