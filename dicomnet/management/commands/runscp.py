"""``manage.py runscp``: the DICOM listener."""

import os
import threading
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError
from django.utils.module_loading import import_string

from dicomnet.allowlist import Allowlist
from dicomnet.scp.processes import PortTaken, check_port, run_processes
from dicomnet.scp.server import Listener, serve_until
from dicomnet.services import prepare_services
from dicomnet.tls import BadTlsFile, Reloading, reloading_server

GRACE_SECONDS = 8
TlsBind = tuple[tuple[str, int], Reloading]


class Command(BaseCommand):
    help = "Run the DICOM listener in the foreground, in as many processes as GANTRY_SCP_PROCESSES says."
    # Checking URLs would load all pages and the API, 30 MiB, into a process that serves none.
    requires_system_checks = [Tags.models, Tags.security]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--processes", type=int, default=settings.GANTRY.scp_processes)

    def handle(self, *args: Any, **options: Any) -> None:
        _check_port(settings.GANTRY.dicom_bind, "GANTRY_DICOM_BIND")
        # Before the fork: a process that is started again while the files are bad has the ones that were good.
        tls = _tls()
        settings.GANTRY.run_dir.mkdir(parents=True, exist_ok=True)
        prepare_services()
        run_processes(options["processes"], partial(serve, tls))


def _check_port(bind: tuple[str, int], variable: str) -> None:
    try:
        check_port(bind)
    except PortTaken as error:
        raise CommandError(f"The DICOM port is taken: {error}. Set {variable} to another one.") from error


def _tls() -> TlsBind | None:
    bind = settings.GANTRY.dicom_tls_bind
    if bind is None:
        return None
    _check_port(bind, "GANTRY_DICOM_TLS_BIND")
    try:
        return bind, reloading_server(settings.GANTRY.tls_files)
    except BadTlsFile as error:
        raise CommandError(str(error)) from error


def serve(tls: TlsBind | None, stop: threading.Event) -> None:
    """One listener process."""
    allowlist = Allowlist(settings.GANTRY.run_dir / "allowlist.json")
    allowlist.refresh_forever()
    listener = Listener(settings.GANTRY.ae_title, allowlist)
    listener.listen(settings.GANTRY.dicom_bind)
    if tls is not None:
        bind, context = tls
        listener.listen(bind, context.current)
    ready = os.environ.get("GANTRY_READY_FILE")
    if ready:
        Path(ready).touch()
    with import_string(settings.DICOM_LISTENER_LIFE)(lambda: listener.guard.count):
        serve_until(listener, stop, GRACE_SECONDS)
