"""``manage.py simulatepacs``: a storing, answering PACS for a lab."""

import signal
import threading
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dicomnet.lab.pacs import Behaviour, LabPacs


def status_code(text: str) -> int:
    """A DIMSE status such as ``0xA700`` or ``A700``."""
    try:
        status = int(text, 16)
    except ValueError:
        status = -1
    if not 0 <= status <= 0xFFFF:
        raise ArgumentTypeError(f"{text} is not a status such as 0xA700")
    return status


def share(text: str) -> float:
    """A share from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text} is not a share from 0 to 1")
    return value


class Command(BaseCommand):
    help = "Run a simulated PACS: it answers C-ECHO and C-FIND (STUDY level) and keeps what it is sent."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--ae-title", default="LABPACS")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=11113, help="0 takes a free one")
        parser.add_argument("--folder", type=Path, help="where instances are kept (GANTRY_HOME/lab/AE title)")
        parser.add_argument("--delay-ms", type=int, default=0, help="wait before each C-STORE response")
        parser.add_argument("--failure-rate", type=share, help="share of C-STORE requests that is refused, 0 to 1")
        parser.add_argument(
            "--status", type=status_code, help="status of refusals (0xA700); without --failure-rate, of every C-STORE"
        )
        parser.add_argument("--reject-associations", action="store_true", help="reject every association for now")
        parser.add_argument("--seed", type=int, default=0, help="which requests are refused follows from it")

    def handle(self, *args: Any, **options: Any) -> None:
        rate = options["failure_rate"]
        if rate is None:
            rate = 0.0 if options["status"] is None else 1.0
        behaviour = Behaviour(
            delay_ms=options["delay_ms"],
            failure_rate=rate,
            status=0xA700 if options["status"] is None else options["status"],
            rejects_associations=options["reject_associations"],
            seed=options["seed"],
        )
        title = options["ae_title"]
        folder = options["folder"] or settings.GANTRY.home / "lab" / title.lower()
        pacs = LabPacs(ae_title=title, folder=folder, behaviour=behaviour, say=self.say)
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        try:
            port = pacs.start(options["host"], options["port"])
        except (OSError, ValueError) as error:
            raise CommandError(
                f"The simulated PACS cannot start on {options['host']}:{options['port']}: {error}."
            ) from error
        self.say(f"{title} listens on {options['host']}:{port} and keeps instances in {folder}")
        stopped.wait()
        pacs.stop()
        studies, instances = pacs.index.counts()
        self.say(f"{title} stopped with {instances} instances of {studies} studies")

    def say(self, line: str) -> None:
        """Print one line at once: whoever reads a pipe waits for it."""
        self.stdout.write(line)
        self.stdout.flush()
