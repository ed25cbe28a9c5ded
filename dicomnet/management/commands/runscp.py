"""``manage.py runscp``: the DICOM listener."""

import os
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from dicomnet.allowlist import Allowlist
from dicomnet.scp.processes import PortTaken, check_port, run_processes
from dicomnet.scp.server import Listener, serve_until
from dicomnet.tls import TlsFiles, reloading_server

GRACE_SECONDS = 8


class Command(BaseCommand):
    help = "Run the DICOM listener in the foreground, in as many processes as GANTRY_SCP_PROCESSES says."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--processes", type=int, default=settings.GANTRY.scp_processes)

    def handle(self, *args: Any, **options: Any) -> None:
        binds = {
            "GANTRY_DICOM_BIND": settings.GANTRY.dicom_bind,
            "GANTRY_DICOM_TLS_BIND": settings.GANTRY.dicom_tls_bind,
        }
        for name, address in binds.items():
            try:
                if address is not None:
                    check_port(address)
            except PortTaken as error:
                raise CommandError(f"The DICOM port is taken: {error}. Set {name} to another one.") from error
        settings.GANTRY.run_dir.mkdir(parents=True, exist_ok=True)
        run_processes(options["processes"], serve)


def serve(stop: threading.Event) -> None:
    """One listener process."""
    allowlist = Allowlist(settings.GANTRY.run_dir / "allowlist.json")
    allowlist.refresh_forever()
    listener = Listener(settings.GANTRY.ae_title, allowlist)
    listener.listen(settings.GANTRY.dicom_bind)
    if settings.GANTRY.dicom_tls_bind is not None:
        files = TlsFiles(settings.GANTRY.tls_cert, settings.GANTRY.tls_key, settings.GANTRY.tls_ca)
        listener.listen(settings.GANTRY.dicom_tls_bind, tls=reloading_server(files).current)
    ready = os.environ.get("GANTRY_READY_FILE")
    if ready:
        Path(ready).touch()
    serve_until(listener, stop, GRACE_SECONDS)
