"""``manage.py verifyaudit``: whether the audit trail is what was written; exit status 1 when it is not."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

from gateway.audit.guard import is_guarded
from gateway.audit.journal import take_in
from gateway.audit.verify import Looked, verify


class Command(BaseCommand):
    help = "Verify every record of the audit trail: what was changed, removed, swapped, inserted or cut off."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--anchors", type=Path, help="A copy of anchors.jsonl that was kept elsewhere.")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path | None = options["anchors"]
        if path is not None and not path.is_file():
            raise CommandError(f"There is no file {path}.")
        take_in()
        looked, faults = Looked(), 0
        for fault in verify(looked, path):
            faults += fault.count
            self.stdout.write(str(fault))
        if not is_guarded(connection):
            faults += 1
            self.stdout.write("The triggers that keep the audit trail append-only are not there, or are switched off.")
        if faults:
            counted = f"{looked.records:,} records, {faults:,} fault{'s' if faults > 1 else ''}"
            raise CommandError(f"{counted}: the audit trail is not what was written.")
        archived = f" ({looked.archived:,} of them archived)" if looked.archived else ""
        self.stdout.write(f"{looked.records:,} records{archived}, all as they were written.")
