"""``manage.py trace --study UID``: one study's whole history on the terminal."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.trace import trace
from studies.models import Study

_STYLES = {"ok": "green", "busy": "cyan", "warning": "yellow", "failed": "bold red"}


class Command(BaseCommand):
    help = "Print what happened to one study, in order of time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--study", required=True, metavar="UID", help="Study Instance UID")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(study_instance_uid=options["study"]).first()
        if study is None:
            raise CommandError(f"No stored study has the Study Instance UID {options['study']}.")
        table = Table("At (UTC)", "What", "Details", box=None, pad_edge=False)
        for event in trace(study):
            # As Text, so that square brackets in a name are no markup.
            words = Text(event.words, style=_STYLES.get(event.state, ""))
            table.add_row(event.at.strftime("%Y-%m-%d %H:%M:%S"), words, Text(event.detail))
        Console(file=self.stdout).print(table)  # type: ignore[arg-type]
