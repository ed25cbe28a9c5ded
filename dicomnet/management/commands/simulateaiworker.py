"""``manage.py simulateaiworker``: an AI node for a lab, which answers a study with a result, or fails to."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from dicomnet.lab.ai_result import KINDS
from dicomnet.lab.ai_worker import Behaviour, LabAIWorker, Mode
from dicomnet.management.commands.simulatepacs import share
from dicomnet.scu.association import Peer


class Command(BaseCommand):
    help = "Run a simulated AI node: it takes studies and stores a result for each at the gateway, or fails to."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        host, port = settings.GANTRY.dicom_bind
        parser.add_argument("--ae-title", default="LABAI")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=11114, help="0 takes a free one")
        parser.add_argument("--gateway-host", default=host, help=f"where results go ({host})")
        parser.add_argument("--gateway-port", type=int, default=port, help=f"({port})")
        parser.add_argument("--gateway-ae-title", default=settings.GANTRY.ae_title)
        parser.add_argument("--delay-ms", type=int, default=0, help="how long it computes")
        parser.add_argument("--quiet-ms", type=int, default=500, help="quiet time after which a study is whole")
        parser.add_argument("--failure-rate", type=share, default=0.0, help="share of studies that it refuses, 0 to 1")
        parser.add_argument("--mode", choices=[mode.value for mode in Mode], default=Mode.NORMAL.value)
        parser.add_argument("--result", choices=sorted(KINDS), default="sr", help="what it returns")
        parser.add_argument("--seed", type=int, default=0, help="which studies are refused follows from it")

    def handle(self, *args: Any, **options: Any) -> None:
        title = options["ae_title"]
        gateway = Peer(options["gateway_ae_title"], options["gateway_host"], options["gateway_port"], title)
        behaviour = Behaviour(
            mode=Mode(options["mode"]),
            result=options["result"],
            delay_ms=options["delay_ms"],
            quiet_ms=options["quiet_ms"],
            failure_rate=options["failure_rate"],
            seed=options["seed"],
        )
        worker = LabAIWorker(
            ae_title=title, gateway=gateway, behaviour=behaviour, say=lambda line: self.say(f"{title} {line}")
        )
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        try:
            port = worker.start(options["host"], options["port"])
        except (OSError, ValueError) as error:
            raise CommandError(
                f"The simulated AI node cannot start on {options['host']}:{options['port']}: {error}."
            ) from error
        self.say(f"{title} listens on {options['host']}:{port} and stores results at {gateway}")
        stopped.wait()
        worker.stop()

    def say(self, line: str) -> None:
        """Print one line at once: whoever reads a pipe waits for it."""
        self.stdout.write(line)
        self.stdout.flush()
