"""``manage.py simulatepacs``: a storing, answering PACS for a lab."""

import signal
import threading
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dicomnet.lab.pacs import Behaviour, LabPacs
from dicomnet.lab.pacs_commitment import Commits
from dicomnet.lab.pacs_index import LEVELS

LATE_MS = 30_000
DEPTHS = {"no": 0, "study": 1, "series": 2, "image": 3}


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


def percent(text: str) -> float:
    """A share from 0 to 100."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 100:
        raise ArgumentTypeError(f"{text} is not a percentage from 0 to 100")
    return value


class Command(BaseCommand):
    help = "Run a simulated PACS: it keeps what it is sent, answers C-ECHO and C-FIND, and reports what it keeps."
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
        parser.add_argument(
            "--reject-associations", "--reject", action="store_true", help="reject every association for now"
        )
        parser.add_argument("--seed", type=int, default=0, help="which requests are refused or dropped follows from it")
        self._proof_arguments(parser)

    def _proof_arguments(self, parser: CommandParser) -> None:
        group = parser.add_argument_group("what it keeps, and what it says of it")
        group.add_argument(
            "--drop-percent", type=percent, default=0.0, metavar="N", help="answer success to so many and drop them"
        )
        group.add_argument(
            "--query", choices=DEPTHS, default="image", help="the deepest level of C-FIND that it answers (image)"
        )
        group.add_argument(
            "--commitment", choices=list(Commits), default=Commits.YES, help="how it answers storage commitment (yes)"
        )
        group.add_argument(
            "--report-after-ms", type=int, help=f"how long a report on it takes (0; {LATE_MS} when it is late)"
        )
        group.add_argument("--gateway-host", default="127.0.0.1", help="where reports go that need a new association")
        group.add_argument("--gateway-port", type=int, default=settings.GANTRY.dicom_bind[1])

    def handle(self, *args: Any, **options: Any) -> None:
        rate = options["failure_rate"]
        if rate is None:
            rate = 0.0 if options["status"] is None else 1.0
        behaviour = Behaviour(
            delay_ms=options["delay_ms"],
            failure_rate=rate,
            status=0xA700 if options["status"] is None else options["status"],
            rejects_associations=options["reject_associations"],
            drop_percent=options["drop_percent"],
            levels=LEVELS[: DEPTHS[options["query"]]],
            commits=Commits(options["commitment"]),
            report_after_ms=_report_after_ms(options),
            gateway=(options["gateway_host"], options["gateway_port"]),
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


def _report_after_ms(options: dict[str, Any]) -> int:
    given: int | None = options["report_after_ms"]
    if given is not None:
        return given
    return LATE_MS if options["commitment"] == Commits.LATE else 0
