"""Write the configuration of the gateway as one document."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway.configuration.secret_references import FORMS, KEPT


class Command(BaseCommand):
    help = "Write the configuration of the gateway as one YAML document, without its secrets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--output", type=Path, help="a file, which only its owner may read; without it: here")
        parser.add_argument(
            "--secrets",
            choices=FORMS,
            default=KEPT,
            help="how secrets are written: kept (as they are where the document is read), or as names of variables or "
            "files to be set there",
        )

    def handle(self, *args: Any, output: Path | None, secrets: str, **options: Any) -> None:
        from dicomnet.audit import Action, Entry, record
        from gateway.configuration.export import export
        from gateway.private_files import write_private

        text = export(secrets=secrets)
        record(Entry(Action.EXPORTED, subject="configuration"))
        if output is None:
            self.stdout.write(text, ending="")
            return
        if output.exists() and not output.is_file():
            raise CommandError(f"{output} is no file: name one that may be replaced.")
        try:
            write_private(output, text)
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"Written to {output}.")
