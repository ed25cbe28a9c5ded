"""``manage.py verifystore``: whether the stores hold what the database says, and the other way round."""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from studies.models import Instance
from tiering.damage import HOT_STORE
from tiering.errors import StoreError
from tiering.mend import mend
from tiering.models import Location
from tiering.reconcile import (
    Difference,
    Kind,
    hot_differences,
    hot_hash_differences,
    location_differences,
    location_hash_differences,
)
from tiering.scrub import check_hot_store

SHOWN = 5
Look = Callable[[Callable[[], None]], Iterator[Difference]]


class Command(BaseCommand):
    help = "Compare the hot store and all locations with the database; exit status 1 when something differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--hash", action="store_true", help="read everything and compare SHA-256; takes long")
        parser.add_argument(
            "--repair",
            action="store_true",
            help="bring back what has a copy, and index files that no row names; nothing is removed",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._console = Console(file=self.stdout)  # type: ignore[arg-type]
        self._mends, self._tells_all = bool(options["repair"]), bool(options["verbosity"] > 1)
        self._found: Counter[tuple[str, Kind]] = Counter()
        self._left: Counter[tuple[str, Kind]] = Counter()
        self._unread: list[str] = []
        looks: list[tuple[str, Look]] = [(HOT_STORE, hot_differences)]
        looks += [(each.name, _at(each, location_differences)) for each in Location.objects.all()]
        if options["hash"]:
            looks.append((HOT_STORE, hot_hash_differences))
            looks += [(each.name, _at(each, location_hash_differences)) for each in Location.objects.all()]
        for name, look in looks:
            self._look(name, look)
        self._tell()

    def _look(self, name: str, look: Look) -> None:
        """Differences whose repair changes rows are mended after the look: SQLite does not write beside a long read."""
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        ) as progress:
            total = Instance.objects.count() if name == HOT_STORE else None
            task = progress.add_task(name, total=total)
            try:
                if name == HOT_STORE:
                    check_hot_store()
                to_mend = [each for each in look(lambda: progress.advance(task)) if self._note(each)]
            except StoreError as error:
                self._unread.append(f"{name}: {error}")
                return
            for difference in to_mend:
                self._mend(difference)

    def _note(self, difference: Difference) -> bool:
        """Count one; True when it is to be mended after the look."""
        key = (difference.where, difference.kind)
        self._found[key] += 1
        if not self._mends:
            self._left[key] += 1
            self._show(difference, self._left[key])
        elif difference.kind == Kind.UNKNOWN_FILE:  # of which there may be as many as files
            self._mend(difference)
            return False
        return self._mends

    def _mend(self, difference: Difference) -> None:
        reason = mend(difference)
        if reason:
            key = (difference.where, difference.kind)
            self._left[key] += 1
            self._show(difference, self._left[key], reason)

    def _show(self, difference: Difference, number: int, reason: str = "") -> None:
        if number <= SHOWN or self._tells_all:
            words = [difference.detail, reason]
            more = "; ".join(word for word in words if word)
            text = f"{difference.where}: {difference.kind}: {difference.name}{f' ({more})' if more else ''}"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _tell(self) -> None:
        if self._found:
            table = Table("Where", "What differs", "Found", "Left", box=None)
            for (where, kind), count in sorted(self._found.items()):
                table.add_row(where, kind, f"{count:,}", f"{self._left[where, kind]:,}")
            self._console.print(table)
        left = sum(self._left.values())
        if self._unread:
            raise CommandError("Not all could be compared:\n" + "\n".join(self._unread))
        if left:
            raise CommandError(f"{left:,} differ.")
        self.stdout.write("All differences were repaired." if self._found else "Stores and database agree.")


def _at(location: Location, look: Callable[[Location, Callable[[], None]], Iterator[Difference]]) -> Look:
    return lambda passed: look(location, passed)
