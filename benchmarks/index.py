"""What indexing costs: milliseconds of wall clock and of CPU per instance, on SQLite and on PostgreSQL.

Run ``python -m benchmarks.index``. A spool is filled with copies of a synthetic CT or MR under UIDs of their own, and
drained as a worker drains it; nobody sends meanwhile, so this is the cost of the index alone. Each database has a
process of its own, since settings are read once in a process. The server's CPU is PostgreSQL's, measured besides.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

DATABASES = ("sqlite", "postgresql")
KINDS = ("CT", "MR")
INSTANCES_OF_A_SERIES = 100
SERIES_OF_A_STUDY = 2
UID_STEM = "2.25.1000000000"  # as long as the longest that a number is put behind, so that lengths stay


@dataclass(frozen=True)
class Cost:
    """One drained spool, milliseconds per instance."""

    wall: float
    cpu: float
    server_cpu: float


def template(kind: str) -> tuple[str, str, bytes]:
    """SOP Class UID, transfer syntax UID and data set of one synthetic instance, with UIDs to be replaced."""
    from pydicom.filewriter import dcmwrite
    from pydicom.uid import ExplicitVRLittleEndian

    from dicomnet.lab.phantoms import studies
    from dicomnet.part10 import read_file_meta

    ds = next(studies(1, seed=1, modality=kind))
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.SOPInstanceUID = (uid(letter, 0) for letter in "123")
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    with tempfile.TemporaryFile() as file:
        dcmwrite(file, ds, enforce_file_format=True)
        file.seek(0)
        offset = read_file_meta(file).data_set_offset
        file.seek(offset)
        return str(ds.SOPClassUID), str(ExplicitVRLittleEndian), file.read()


def uid(level: str, number: int) -> str:
    """A UID of always the same length: 1 study, 2 series, 3 instance."""
    return f"{UID_STEM}{level}.{10_000_000 + number}"


def fill(root: Path, kind: str, count: int, first: int) -> None:
    """Put so many instances into a spool, as a listener leaves them there."""
    from dicomnet.part10 import file_meta_bytes
    from studies.header import receipt_bytes
    from studies.ulid import new_ulid

    sop_class_uid, transfer_syntax_uid, data_set = template(kind)
    for number in range(first, first + count):
        series = number // INSTANCES_OF_A_SERIES
        content = BytesIO(data_set)
        head = data_set[:4096]
        for level, value in (("1", series // SERIES_OF_A_STUDY), ("2", series), ("3", number)):
            head = head.replace(uid(level, 0).encode(), uid(level, value).encode())
        content.write(head)
        ulid = new_ulid()
        meta = file_meta_bytes(
            sop_class_uid=sop_class_uid,
            sop_instance_uid=uid("3", number),
            transfer_syntax_uid=transfer_syntax_uid,
            calling_ae_title="BENCH",
            called_ae_title="GANTRY",
            private=receipt_bytes(source_address="127.0.0.1", received_at=datetime.now(UTC)),
        )
        (root / "new" / f"{ord(ulid[-1]) % 16:x}" / f"{ulid}.dcm").write_bytes(meta + content.getvalue())
    os.sync()  # what the kernel still has to write must not be part of the measurement


def measure(options: argparse.Namespace) -> dict[str, list[Cost]]:
    """In a process whose environment names home and database: make the tables, then fill and drain in turn."""
    import django

    django.setup()
    from django.core.management import call_command

    from studies import index
    from studies.dimse import local_spool
    from studies.models import Instance

    call_command("migrate", verbosity=0)
    index.BATCH = options.batch
    spool = local_spool()
    found: dict[str, list[Cost]] = {kind: [] for kind in KINDS}
    first = 0
    for _ in range(options.repeat):
        for kind in KINDS:
            fill(spool.root, kind, options.count, first)
            first += options.count
            began, cpu, server = time.perf_counter(), time.process_time(), server_cpu_seconds(options.server_pid)
            with profiled(options.profile if kind == "CT" else None):
                while index.index_spool(spool):
                    pass
            passed = (
                time.perf_counter() - began,
                time.process_time() - cpu,
                server_cpu_seconds(options.server_pid) - server,
            )
            if Instance.objects.count() != first:
                raise SystemExit(f"{first} instances were spooled and {Instance.objects.count()} indexed")
            found[kind].append(Cost(*(1000 * seconds / options.count for seconds in passed)))
    return found


def server_cpu_seconds(pid: int) -> float:
    """CPU time that a server and its children have used; 0 without a server."""
    if not pid:
        return 0.0
    server = psutil.Process(pid)
    return sum(sum(process.cpu_times()[:4]) for process in [server, *server.children(recursive=True)])


@contextmanager
def profiled(path: str | None) -> Iterator[None]:
    """Write a profile for ``pstats``, when there is a path."""
    if path is None:
        yield
        return
    import cProfile

    with cProfile.Profile() as profile:
        yield
    profile.dump_stats(path)


def run(database: str, options: argparse.Namespace) -> dict[str, list[Cost]]:
    """The same in a child, with a home and a database that end with it."""
    from tests.servers import postgresql, valkey

    with (
        tempfile.TemporaryDirectory(prefix="gantry-index-", dir=options.folder) as home,
        valkey() as broker,
        postgresql() if database == "postgresql" else nullcontext() as url,
    ):
        environment = {
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "gateway.settings.base",
            "GANTRY_HOME": home,
            "GANTRY_SPOOL_HIGH_PERCENT": "100",
            "GANTRY_LOG_LEVEL": "WARNING",
            "REDIS_URL": broker,
            **({"DATABASE_URL": url} if url else {}),
        }
        command = [sys.executable, "-m", "benchmarks.index", *sys.argv[1:], "--inside"]
        if url:
            servers = [child for child in psutil.Process().children() if child.name() == "postgres"]
            command += ["--server-pid", str(servers[0].pid)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return {kind: [Cost(**cost) for cost in costs] for kind, costs in json.loads(done.stdout).items()}


def show(found: dict[str, dict[str, list[Cost]]], options: argparse.Namespace) -> None:
    """A table of medians."""
    table = Table(title=f"{options.count} instances in batches of {options.batch}, ms per instance (median)")
    for heading in ("database", "kind", "wall", "CPU", "server's CPU", "instances/s"):
        table.add_column(heading, justify="left" if heading in {"database", "kind"} else "right")
    for database, kinds in found.items():
        for kind, costs in kinds.items():
            middle = Cost(*(statistics.median(asdict(cost)[name] for cost in costs) for name in asdict(costs[0])))
            figures = (
                f"{middle.wall:.3f}",
                f"{middle.cpu:.3f}",
                f"{middle.server_cpu:.3f}",
                f"{1000 / middle.wall:.0f}",
            )
            table.add_row(database, kind, *figures)
    Console().print(table)


def main() -> None:
    """Parse the options, measure each database, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--folder", help="where spool and database lie while it runs; a disk like the real one")
    parser.add_argument("--profile", help="write a cProfile of the CT runs to this file")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--server-pid", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        json.dump({kind: [asdict(cost) for cost in costs] for kind, costs in measure(options).items()}, sys.stdout)
        return
    show({database: run(database, options) for database in options.database or DATABASES}, options)


if __name__ == "__main__":
    main()
