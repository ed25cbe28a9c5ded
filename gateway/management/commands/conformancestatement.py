"""``manage.py conformancestatement``: write docs/conformance-statement.md from the tables of the code."""

from typing import Any

from django.core.management.base import BaseCommand

from gateway.conformance_statement import PATH, statement


class Command(BaseCommand):
    help = "Write the DICOM conformance statement from the tables of the code."

    def handle(self, *args: Any, **options: Any) -> None:
        PATH.write_text(statement())
        self.stdout.write(f"Written: {PATH}")
