"""What it costs to put studies away and to bring them back, beside the plain tools in one run.

Run ``python -m benchmarks.tiers``. The same tree of CT is copied by ``cp`` and hashed by ``sha256sum``, and moved by
Gantry from hot to cold on the same disk, in turns; the packs that came of it are uploaded by boto3 itself and by
Gantry to one server (moto's); and a series of 500 is brought back from its pack, and from an object for each instance.
Packs are also written, read back and brought home again in chunks, compressed and encrypted, beside plain ones.
"""

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

STUDIES, EACH, ROUNDS = 4, 500, 3
SECRET = "s"  # noqa: S105 (of a server that takes any)


def main() -> None:
    """Set a scratch installation up, measure, and show."""
    with tempfile.TemporaryDirectory(prefix="gantry-tiers-") as folder:
        home = Path(folder, "home")
        os.environ |= {"GANTRY_HOME": str(home), "DJANGO_SETTINGS_MODULE": "gateway.settings.base"}
        for name in ("DATABASE_URL", "GANTRY_STORAGE"):
            os.environ.pop(name, None)
        os.environ |= {"GANTRY_TIER_GRACE_SECONDS": "0", "GANTRY_LOG_LEVEL": "ERROR"}
        _set_up(home)
        _fill(Path(folder, "made"))
        console = Console()
        for measure in (_to_disk, _in_chunks, _to_bucket, _recall):
            console.print(measure(Path(folder)))


def _set_up(home: Path) -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    for path in (settings.GANTRY.spool_dir / "tmp", settings.GANTRY.storage, settings.GANTRY.run_dir):
        path.mkdir(parents=True, exist_ok=True)
    call_command("migrate", verbosity=0)


def _fill(made: Path) -> None:
    """Studies of 500 CT of 525 kB each, indexed, complete and decided on."""
    from django.utils import timezone
    from pydicom.dataset import Dataset

    from studies.models import Instance, Study
    from tests.corpus import CT
    from tests.retrieving import index, keep

    pictures = _pictures()
    for study in range(STUDIES):
        for number in range(EACH):
            ds = Dataset()
            ds.SOPClassUID, ds.SOPInstanceUID = CT, f"1.2.{study + 1}.1.{number + 1}"
            ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.{study + 1}", f"1.2.{study + 1}.1"
            ds.PatientID, ds.Modality, ds.InstanceNumber = f"P{study}", "CT", number + 1
            ds.Rows = ds.Columns = 512
            ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 0
            ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
            pixels = pictures[number % len(pictures)]
            ds.PixelData = pixels[2 * number :] + pixels[: 2 * number]
            keep(ds)
        index()
    now = timezone.now()
    Instance.objects.update(planned_at=now)
    Study.objects.update(completed_at=now)


def _pictures() -> list[bytes]:
    """Slices as a CT has them, for a compressor: air around a body, 12 bits, noise in both."""
    import numpy as np

    rng = np.random.default_rng(5)
    y, x = np.mgrid[-1:1:512j, -1:1:512j]
    body = np.where((x / 0.8) ** 2 + (y / 0.6) ** 2 < 1, 1064, 24)
    return [np.clip(body + rng.normal(0, 15, body.shape), 0, 4095).astype("<u2").tobytes() for _ in range(16)]


def _to_disk(folder: Path) -> Table:
    from studies.storage import hot_storage
    from tiering.models import Location

    tree = Path(hot_storage().location)
    (cold := folder / "cold").mkdir()
    location = Location.objects.create(name="Cold", tier="cold", path=str(cold))
    plain, ours = [], []
    for number in range(ROUNDS):
        plain.append(_timed(lambda number=number: _cp_and_hash(tree, folder / f"plain{number}")))  # type: ignore[misc]
        shutil.rmtree(folder / f"plain{number}")
        ours.append(_timed(lambda: _move("cold")))
        if number < ROUNDS - 1:
            _move("hot")
            _forget(location)
    return _compared("hot to cold on one disk", "cp and sha256sum", plain, ours, "0.7")


def _cp_and_hash(tree: Path, target: Path) -> None:
    subprocess.run(["cp", "-r", str(tree), str(target)], check=True)  # noqa: S607 (as a person types it)
    subprocess.run(["sync", "-f", str(target)], check=True)  # noqa: S607 (as a person types it)
    files = [str(path) for path in sorted(target.rglob("*.dcm"))]
    subprocess.run(["sha256sum", *files], check=True, stdout=subprocess.DEVNULL)  # noqa: S607 (as a person types it)


def _move(tier: str) -> None:
    """Move every study, as the worker does: two at a time."""
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    from studies.models import Study
    from tiering.ask import ask_for_move
    from tiering.carry_out import work
    from tiering.models import Move

    for study in Study.objects.all():
        ask_for_move(study, tier, by="benchmark")

    def turn(_: int) -> None:
        try:
            work(seconds=600)
        finally:
            connection.close()

    for _ in range(2):  # copied; then what was left is removed
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(turn, range(2)))
    left = Move.objects.exclude(state__in=["done", "cancelled"])
    if left.exists():
        raise SystemExit(f"moves are not done: {list(left.values_list('state', 'last_error'))}")


def _in_chunks(folder: Path) -> Table:
    """Every way that packs are written in, in turns: there and back, and what they take."""
    from tiering.models import Location

    location = Location.objects.get(name="Cold")
    _move("hot")
    ways = {"plain": ("", False), "compressed": ("zstd", False), "encrypted": ("", True), "both": ("zstd", True)}
    there, back, size = ({name: list[float]() for name in ways} for _ in range(3))
    for _ in range(ROUNDS):
        for name, (compression, is_encrypted) in ways.items():
            _forget(location)
            Location.objects.update(compression=compression, is_encrypted=is_encrypted)
            there[name].append(_timed(lambda: _move("cold")))
            size[name].append(sum(path.stat().st_size for path in Path(location.path).rglob("*.tar*")))
            back[name].append(_timed(lambda: _move("hot")))
    Location.objects.update(compression="", is_encrypted=False)
    _forget(location)
    _move("cold")  # as the next measurements expect it
    table = Table(title="packs in chunks")
    for column in ("", "there s", "plain = 1", "back s", "plain = 1", "bytes, plain = 1"):
        table.add_column(column, justify="left" if not column else "right")
    for name in ways:
        row = [name]
        for found in (there, back):
            median, base = statistics.median(found[name]), statistics.median(found["plain"])
            row += [f"{median:.2f}", f"{median / base:.2f}"]
        table.add_row(*row, f"{size[name][0] / size['plain'][0]:.2f}")
    return table


def _forget(location: Any) -> None:
    """Its packs, so that the next round copies again."""
    from tiering.models import DataKey, Pack

    Pack.objects.filter(location=location).delete()
    DataKey.objects.filter(location=location).delete()
    shutil.rmtree(location.path)
    Path(location.path).mkdir()


def _to_bucket(folder: Path) -> Table:
    import boto3

    from dicomnet.web.secrets import seal
    from tests.s3_server import s3_server
    from tiering.models import Location, LocationKind
    from tiering.stores.choose import open_store

    packs = sorted((folder / "cold").rglob("*.tar"))
    plain, ours = [], []
    with s3_server() as url:
        client = boto3.client("s3", endpoint_url=url, aws_access_key_id="k", aws_secret_access_key=SECRET)
        client.create_bucket(Bucket="images")
        cloud = Location(
            name="Cloud", tier="archive", kind=LocationKind.S3, bucket="images", path="ours", endpoint_url=url,
            access_key="k", secret_key=seal(SECRET, place=url),
        )  # fmt: skip
        for _ in range(ROUNDS):
            plain.append(
                _timed(lambda: [client.upload_file(str(path), "images", f"plain/{path.name}") for path in packs])
            )
            ours.append(_timed(lambda: [open_store(cloud).write(path.name, _pieces(path)) for path in packs]))
    return _compared("packs to S3", "boto3's transfer", plain, ours, "0.8")


def _pieces(path: Path) -> Any:
    with path.open("rb", buffering=0) as file:
        while piece := file.read(1 << 20):
            yield piece


def _recall(folder: Path) -> Table:
    """One series from its pack, beside the same from an object for each instance, both from the S3 server."""
    import boto3

    from dicomnet.web.secrets import seal
    from studies.integrity import path_of
    from studies.models import Instance, Study
    from tests.s3_server import s3_server
    from tiering import packs as packing
    from tiering.bring_back import bring_back
    from tiering.models import Location, LocationKind, Pack
    from tiering.pace import MovePacer
    from tiering.put_away import copy_to_tier

    study = Study.objects.earliest("pk")
    cold = Location.objects.get(name="Cold")
    found: dict[str, list[float]] = {"one": [], "many": []}
    with s3_server() as url:
        client = boto3.client("s3", endpoint_url=url, aws_access_key_id="k", aws_secret_access_key=SECRET)
        client.create_bucket(Bucket="images")
        cloud = Location.objects.create(
            name="Cloud", tier="archive", kind=LocationKind.S3, bucket="images", endpoint_url=url, access_key="k",
            secret_key=seal(SECRET, place=url),
        )  # fmt: skip
        usual = packing.MAXIMUM_PACK_INSTANCES
        for name, limit in (("one", usual), ("many", 1)):
            packing.MAXIMUM_PACK_INSTANCES = limit
            Pack.objects.filter(location=cold, study=study).update(state="verified")
            copy_to_tier(study, "archive", lambda _: None)
            Pack.objects.filter(location=cold, study=study).update(state="damaged")  # so that it is not read from there
            for _ in range(ROUNDS):
                for instance in Instance.objects.filter(series__study=study):
                    path_of(instance).unlink(missing_ok=True)
                found[name].append(_timed(lambda: bring_back(study, MovePacer(None, lambda _: None))))
            Pack.objects.filter(location=cloud, study=study).delete()
        packing.MAXIMUM_PACK_INSTANCES = usual
    return _compared(f"{EACH} instances back from S3", f"{EACH} objects", found["many"], found["one"], "1")


def _timed(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _compared(title: str, other: str, plain: list[float], ours: list[float], bar: str) -> Table:
    table = Table(title=title)
    for column in ("", "median s", "least", "most", "speed of the other = 1", "to reach"):
        table.add_column(column, justify="left" if not column else "right")
    base = statistics.median(plain)
    for name, seconds in ((other, plain), ("Gantry", ours)):
        median = statistics.median(seconds)
        ratio = f"{base / median:.2f}"
        table.add_row(
            name, f"{median:.2f}", f"{min(seconds):.2f}", f"{max(seconds):.2f}", ratio, bar if name == "Gantry" else ""
        )
    return table


if __name__ == "__main__":
    main()
