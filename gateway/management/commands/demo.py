"""``manage.py demo``: synthetic studies through the running product to a simulated PACS."""

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import QuerySet
from django.urls import reverse
from pydicom.dataset import FileDataset
from rich.console import Console

from dicomnet.lab.generate import written
from dicomnet.lab.phantoms import MIXED, one_study
from dicomnet.lab.report import progress, say_tally
from dicomnet.lab.rewrite import Rewriting
from dicomnet.lab.send import Pace, Sending
from dicomnet.scu.association import Peer
from dicomnet.scu.echo import echo
from dicomnet.scu.store import Outgoing
from gateway.env import BASE_DIR
from gateway.supervisor.parent_death import die_with_parent
from routing.models import Delivery, DeliveryState, Destination, Rule
from routing.rules import save_rule

DESTINATION = "Demo PACS"
RULE = "Demo: everything to Demo PACS"
AE_TITLE = "DEMOPACS"
SLICES = {"CR": 2, "US": 2, "CT": 48, "MR": 36}
ARRIVED = (DeliveryState.DELIVERED, DeliveryState.CONFIRMED)
STALLED_SECONDS = 60
PACS_SECONDS = 20


class Command(BaseCommand):
    help = "Send synthetic studies through the running product (make run) to a simulated PACS, and watch them arrive."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="end when all is delivered; nothing is deleted")
        parser.add_argument("--pacs-port", type=int, default=11113, help="where the simulated PACS listens")

    def handle(self, *args: Any, **options: Any) -> None:
        # Both end the PACS in order, also where a shell started this with SIGINT ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        gateway = _gateway()
        alive = echo(gateway)
        if not alive.is_alive:
            words = alive.words.removeprefix(f"{gateway} ")
            raise CommandError(f"{gateway}: {words}. Start the product with make run first.")
        try:
            with simulated_pacs(options["pacs_port"]) as pacs:
                destination = _destination(options["pacs_port"])
                _send_and_watch(console, gateway, destination)
                if not options["once"]:
                    console.print("The Demo PACS stays until Ctrl-C.")
                    pacs.wait()
        except KeyboardInterrupt:
            console.print("The Demo PACS has ended; the studies, the destination and the rule stay.")


def _gateway() -> Peer:
    host, port = settings.GANTRY.dicom_bind
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (a comparison, not a bind)
    return Peer(ae_title=settings.GANTRY.ae_title, host=reachable, port=port, calling_ae_title="DEMO")


@contextmanager
def simulated_pacs(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A simulated PACS as a child that never outlives this process.

    Raises:
        CommandError: it cannot listen.
    """
    parent = os.getpid()
    command = [sys.executable, str(BASE_DIR / "manage.py"), "simulatepacs", "--ae-title", AE_TITLE, "--port", str(port)]
    # Its lines about associations go to a file: on the terminal they would tear the progress apart.
    log = settings.GANTRY.log_dir / "demo-pacs.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        child = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            preexec_fn=lambda: die_with_parent(parent),  # noqa: PLW1509 (an orphan would hold its port)
        )
    try:
        _wait_until_it_listens(child, log)
        yield child
    finally:
        child.terminate()
        child.wait(PACS_SECONDS)


def _wait_until_it_listens(child: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PACS_SECONDS
    while f"{AE_TITLE} listens" not in log.read_text():
        if child.poll() is not None or time.monotonic() > deadline:
            said = log.read_text().strip().removeprefix("CommandError: ")
            raise CommandError(said or "The simulated PACS did not start.")
        time.sleep(0.1)


def _destination(port: int) -> Destination:
    """Make, or find and mend, the destination and the rule of the demo."""
    destination, _ = Destination.objects.update_or_create(
        name=DESTINATION,
        defaults={
            "ae_title": AE_TITLE,
            "host": "127.0.0.1",
            "port": port,
            "is_enabled": True,
            # A run before may have ended with the PACS away; now it is there, nothing needs to wait.
            "paused_until": None,
        },
    )
    rule = Rule.objects.filter(name=RULE).first() or Rule(name=RULE, comment="Made by manage.py demo.")
    rule.is_enabled = True
    save_rule(rule, destinations=[destination])
    return destination


def _send_and_watch(console: Console, gateway: Peer, destination: Destination) -> None:
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        instances, outgoing = _draw(console, Path(folder))
        with progress(console, f"sending to {gateway}", len(outgoing)) as advance:
            tally = Sending(gateway, Pace(associations=2), advance).run(outgoing)
    say_tally(console, tally)
    if not tally.is_complete:
        raise CommandError("Gantry did not take every instance.")
    uids = [ds.StudyInstanceUID for ds in instances]
    _watch(console, destination, uids)
    _say_where(console, destination, instances)


def _draw(console: Console, folder: Path) -> tuple[list[FileDataset], list[Outgoing]]:
    """One study of each kind, new at every run; the first instance of each, and all of them as files."""
    seed = secrets.randbits(32)
    now = datetime.now().astimezone()
    firsts, outgoing = [], []
    with progress(console, "drawing", sum(SLICES[kind.modality] for kind in MIXED)) as advance:
        for number, kind in enumerate(MIXED, start=1):
            began_at = now - timedelta(minutes=20 * (len(MIXED) + 1 - number))
            made = list(one_study(kind, SLICES[kind.modality], seed=seed, number=number, began_at=began_at))
            firsts.append(made[0])
            outgoing += written(made, folder, Rewriting(salt=seed), advance)
    return firsts, outgoing


def _watch(console: Console, destination: Destination, uids: list[str]) -> None:
    """Follow the rows until each instance of these studies has arrived.

    Raises:
        CommandError: nothing moved for a minute, or a delivery was given up.
    """
    mine = Delivery.objects.filter(destination=destination, instance__series__study__study_instance_uid__in=uids)
    total = sum(SLICES[kind.modality] for kind in MIXED)
    shown, moved_at = 0, time.monotonic()
    with progress(console, f"delivered to {destination.name}", total) as advance:
        while shown < total:
            arrived = mine.filter(state__in=ARRIVED).values("instance").distinct().count()
            for _ in range(arrived - shown):
                advance()
            if arrived > shown:
                shown, moved_at = arrived, time.monotonic()
            if dead := mine.filter(state=DeliveryState.DEAD).first():
                raise CommandError(f"A delivery was given up: {dead.last_error or dead.status_in_words}.")
            if time.monotonic() - moved_at > STALLED_SECONDS:
                raise CommandError(_why_it_stalls(mine, shown, total))
            time.sleep(0.3)


def _why_it_stalls(mine: QuerySet[Delivery], shown: int, total: int) -> str:
    words = mine.exclude(last_error="").order_by("-last_attempt_at").values_list("last_error", flat=True).first()
    planned = mine.count()
    hint = words or ("its worker takes no deliveries" if planned > shown else "its workers index and plan nothing new")
    return f"{shown} of {total} instances were delivered and nothing moves since {STALLED_SECONDS} s: {hint}."


def _say_where(console: Console, destination: Destination, instances: list[FileDataset]) -> None:
    """What arrived, and where to look at it."""
    host, port = settings.GANTRY.http_bind
    site = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    for ds in instances:
        page = site + reverse("study-detail", args=[ds.StudyInstanceUID])
        console.print(
            f"{ds.PatientID}  {ds.Modality}  {ds.StudyDescription}, {SLICES[ds.Modality]} instances\n  {page}"
        )
    console.print(f"all studies     {site}{reverse('study-list')}")
    console.print(f"deliveries      {site}{reverse('delivery-list')}")
    console.print(f"the PACS keeps  {settings.GANTRY.home / 'lab' / destination.ae_title.lower()}")
