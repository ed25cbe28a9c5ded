"""``manage.py archiveaudit``: close the oldest part of the audit trail into files, and remove its rows."""

from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.utils import timezone

from gateway.audit.archive import NotArchived, archive
from gateway.audit.journal import take_in
from gateway.audit.search import moment_of
from gateway.audit.segments import folder


class Command(BaseCommand):
    help = "Archive the oldest records of the audit trail: into files that verifyaudit reads, and out of the database."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--before", type=_moment, help="Records before this day or moment, such as 2026-11-28.")
        which.add_argument("--keep-days", type=int, help="Records that are older than so many days, at least 1.")

    def handle(self, *args: Any, **options: Any) -> None:
        before = options["before"]
        if before is None:
            if options["keep_days"] < 1:
                raise CommandError("Keep at least one day.")
            before = timezone.now() - timedelta(days=options["keep_days"])
        if before > timezone.now():
            raise CommandError("Give a day or a moment that has passed.")
        files = records = 0
        try:
            take_in()
            for segment in archive(before):
                self.stdout.write(f"{segment.file}: {segment.count:,} records")
                files, records = files + 1, records + segment.count
        except NotArchived as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{folder()} cannot be written ({error.strerror}); nothing more was removed.") from error
        except DatabaseError as error:
            raise CommandError(f"The database refuses ({error}): does its role own the audit tables?") from error
        where = f" in {files:,} file{'s' if files > 1 else ''} under {folder()}" if files else ""
        self.stdout.write(f"{records:,} records archived{where}.")


def _moment(text: str) -> datetime:
    try:
        found = moment_of(text, is_end=False)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error
    if found is None:
        raise ArgumentTypeError("give a day")
    return found
