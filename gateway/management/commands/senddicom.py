"""``manage.py senddicom``: send DICOM files, or synthetic studies, to the gateway or any other peer."""

import secrets
import sys
import tempfile
from argparse import ArgumentTypeError
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from django.db.models.functions import Length
from pydicom.uid import UID
from rich.console import Console

from dicomnet.lab.gather import gather
from dicomnet.lab.generate import written
from dicomnet.lab.phantoms import EPOCH, MODALITIES, studies
from dicomnet.lab.report import progress, say_skipped, say_tally
from dicomnet.lab.rewrite import Rewriting, rewritten
from dicomnet.lab.send import Pace, Sending
from dicomnet.scu.association import Peer
from dicomnet.scu.store import Outgoing
from studies.models import Study

REWRITABLE = {
    "study_uid": "StudyInstanceUID",
    "series_uid": "SeriesInstanceUID",
    "sop_uid": "SOPInstanceUID",
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "series_description": "SeriesDescription",
}


def uid(text: str) -> str:
    """A valid UID (PS3.5 9.1)."""
    if not UID(text).is_valid:
        raise ArgumentTypeError(f"{text} is not a valid UID")
    return text


def at_least_one(text: str) -> int:
    """A whole number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text} is not a whole number from 1")
    return int(text)


def milliseconds(text: str) -> int:
    """A whole number from 0."""
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text} is not a whole number of milliseconds")
    return int(text)


class Command(BaseCommand):
    help = "Send DICOM files and folders, or synthetic studies; the exit status is 0 only when each was acknowledged."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        _, port = settings.GANTRY.dicom_bind
        parser.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="files and whole folders")
        parser.add_argument("--host", default=_loopback(settings.GANTRY.dicom_bind[0]))
        parser.add_argument("--port", type=int, default=port)
        parser.add_argument("--calling-aet", default="SENDDICOM")
        parser.add_argument("--called-aet", default=settings.GANTRY.ae_title)
        parser.add_argument("--associations", type=at_least_one, default=1, metavar="N", help="this many at once")
        parser.add_argument("--delay-ms", type=milliseconds, default=0, metavar="N", help="pause after each burst")
        parser.add_argument("--burst", type=at_least_one, default=1, metavar="N", help="instances without a pause (1)")
        self._generator_arguments(parser)
        self._rewriting_arguments(parser)

    def _generator_arguments(self, parser: CommandParser) -> None:
        group = parser.add_argument_group("synthetic studies")
        group.add_argument("--generate", type=at_least_one, metavar="N", help="make and send N synthetic instances")
        group.add_argument("--modality", choices=MODALITIES, default="mixed", help="of --generate (mixed)")
        group.add_argument(
            "--seq-from-db",
            action="store_true",
            help="number the patients of --generate on from the highest that this Gantry's database has",
        )
        group.add_argument("--seed", type=int, help="the same seed makes the same instances; without it, new ones")
        group.add_argument("--out-dir", type=Path, help="keep the generated or rewritten files in this folder")

    def _rewriting_arguments(self, parser: CommandParser) -> None:
        group = parser.add_argument_group("rewriting (without these, data sets go out byte for byte)")
        group.add_argument("--rewrite-uids", action="store_true", help="new UIDs, consistently over the run")
        group.add_argument("--study-uid", type=uid)
        group.add_argument("--series-uid", type=uid)
        group.add_argument("--sop-uid", type=uid, help="for a single instance")
        group.add_argument("--patient-id")
        group.add_argument("--patient-name", help="as DICOM writes it: Family^Given")
        group.add_argument("--series-description")

    def handle(self, *args: Any, **options: Any) -> None:
        console = Console(file=sys.stdout)
        if not options["paths"] and not options["generate"]:
            raise CommandError("Name a file or a folder, or give --generate N.")
        with tempfile.TemporaryDirectory(prefix="senddicom-") as scratch:
            instances = self._prepare(console, options, options["out_dir"] or Path(scratch))
            if not instances:
                raise CommandError("There is nothing to send.")
            peer = Peer(
                ae_title=options["called_aet"],
                host=options["host"],
                port=options["port"],
                calling_ae_title=options["calling_aet"],
            )
            pace = Pace(options["associations"], options["delay_ms"], options["burst"])
            with progress(console, f"sending to {peer}", len(instances)) as advance:
                tally = Sending(peer, pace, advance).run(instances)
        say_tally(console, tally)
        if not tally.is_complete:
            sys.exit(1)

    def _prepare(self, console: Console, options: dict[str, Any], folder: Path) -> list[Outgoing]:
        """The files to send: those named, rewritten when asked, and those generated."""
        seed = secrets.randbits(32) if options["seed"] is None else options["seed"]
        values = {keyword: options[flag] for flag, keyword in REWRITABLE.items() if options[flag] is not None}
        rewriting = Rewriting(salt=seed, new_uids=options["rewrite_uids"], values=values)
        missing = [path for path in options["paths"] if not path.exists()]
        if missing:
            raise CommandError(f"{missing[0]} does not exist.")
        gathered = gather(options["paths"])
        if options["sop_uid"] and len(gathered.instances) + (options["generate"] or 0) > 1:
            raise CommandError("--sop-uid fits a single instance: two instances cannot have the same UID.")
        say_skipped(console, gathered.skipped)
        instances = gathered.instances
        try:
            if rewriting.is_needed and instances:
                folder.mkdir(parents=True, exist_ok=True)
                changed = rewritten(instances, rewriting, folder)
                say_skipped(console, changed.skipped)
                instances = changed.instances
            if options["generate"]:
                instances = instances + self._generate(console, options, seed, rewriting, folder)
        except OSError as error:
            raise CommandError(f"{folder} cannot be written: {error.strerror}.") from error
        return instances

    def _generate(
        self, console: Console, options: dict[str, Any], seed: int, rewriting: Rewriting, folder: Path
    ) -> list[Outgoing]:
        began_at = EPOCH if options["seed"] is not None else datetime.now().astimezone()
        made = studies(
            options["generate"],
            seed=seed,
            modality=options["modality"],
            first_patient=_next_patient() if options["seq_from_db"] else 1,
            first_study_at=began_at,
        )
        with progress(console, "drawing", options["generate"]) as advance:
            return written(made, folder, rewriting, advance)


def _next_patient() -> int:
    """The number after the highest of the fictitious patients that are stored; a query that fails is told in words."""
    known = Study.objects.filter(patient_id__regex=r"^LAB-[0-9]{4,12}$").annotate(length=Length("patient_id"))
    try:
        last = known.order_by("-length", "-patient_id").values_list("patient_id", flat=True).first()
    except DatabaseError as error:
        raise CommandError("--seq-from-db needs the database, which does not answer.") from error
    return int(last.removeprefix("LAB-")) + 1 if last else 1


def _loopback(host: str) -> str:
    """Where a listener on every address is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (a comparison, not a bind)
