"""``manage.py seed``: fictitious studies for lists and dashboards, as many as a hospital has; and their removal."""

import tempfile
from argparse import ArgumentTypeError
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import ProtectedError
from django.utils import timezone
from rich.console import Console

from dicomnet.lab.report import progress
from routing.models import Rule
from routing.seeding import remove_deliveries, remove_destination, write_deliveries
from studies.deletions.sweep import remove_deleted_files
from studies.errors import StudiesError
from studies.seeding.images import NotTakenIn, store_images
from studies.seeding.remove import record_batches, records, remove_images, remove_records, with_images
from studies.seeding.write import has_real_studies, write_records

SEED, IMAGES_OF_A_STUDY = 1, 12


def whole(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text} is not a whole number from 0")
    return int(text)


def day(text: str) -> date:
    """A date as 2026-11-28."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text} is not a date such as 2026-11-28") from error


class Command(BaseCommand):
    help = "Write fictitious studies, or remove them with --remove. They are rows: nothing is sent, and rules see none."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--studies", type=whole, metavar="N", help="write so many further ones")
        what.add_argument("--remove", action="store_true", help="remove all that this command has made")
        parser.add_argument("--seed", type=whole, default=SEED, help=f"the same seed makes the same studies ({SEED})")
        parser.add_argument("--until", type=day, metavar="DATE", help="the two years of arrivals end then (today)")
        parser.add_argument(
            "--images-per-study",
            type=whole,
            default=IMAGES_OF_A_STUDY,
            metavar="N",
            help=f"instances that a study has at most ({IMAGES_OF_A_STUDY})",
        )
        parser.add_argument("--with-deliveries", action="store_true", help="with lines in the ledger of the last month")
        parser.add_argument(
            "--with-pixels", type=whole, default=0, metavar="N", help="and this many studies with images to look at"
        )
        parser.add_argument(
            "--beside-real", action="store_true", help="also where studies are stored that are not fictitious"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        self._console = Console(file=self.stdout, highlight=False)  # type: ignore[arg-type]
        if options["remove"]:
            self._remove()
            return
        self._check(options)
        count, seed = options["studies"], options["seed"]
        with progress(self._console, "studies", count) as advance:
            write_records(
                count, seed=seed, until=_end_of(options["until"]), at_most=options["images_per_study"], on_study=advance
            )
        if options["with_deliveries"]:
            self.stdout.write(f"{write_deliveries():,} deliveries")
        if options["with_pixels"]:
            self._store_images(options["with_pixels"], seed)

    def _check(self, options: dict[str, Any]) -> None:
        if not options["images_per_study"]:
            raise CommandError("--images-per-study is 1 or more.")
        if not options["beside_real"] and has_real_studies():
            raise CommandError("Real studies are stored here. Say --beside-real to have fictitious ones beside them.")
        if options["with_pixels"] and Rule.objects.filter(is_enabled=True).exists():
            raise CommandError(
                "Studies with images come in as any other, and rules would send them on. Turn the rules off first, or"
                " leave out --with-pixels."
            )

    def _store_images(self, count: int, seed: int) -> None:
        with (
            tempfile.TemporaryDirectory(prefix="seed-") as folder,
            progress(self._console, "studies with images", count) as advance,
        ):
            try:
                store_images(count, seed=seed, folder=Path(folder), on_study=advance)
            except (NotTakenIn, OSError) as error:
                raise CommandError(str(error)) from error

    def _remove(self) -> None:
        left = []
        with progress(self._console, "removed", records().count()) as advance:
            for pks in record_batches():
                remove_deliveries(pks)
                try:
                    remove_records(pks)
                except ProtectedError as error:
                    left.append(str(error.args[0]))
                for _ in pks:
                    advance()
        for study in with_images():
            try:
                remove_images(study)
            except StudiesError as error:
                left.append(f"{study}: {error}")
        remove_deleted_files()
        remove_destination()
        if left:
            raise CommandError("Not all could be removed:\n" + "\n".join(left))


def _end_of(last: date | None) -> datetime:
    now = timezone.now()
    return now if last is None else min(now, timezone.make_aware(datetime.combine(last + timedelta(days=1), time())))
