"""What DCMTK and Gantry's own sender send arrives at a PACS with every byte of its data set."""

import hashlib
import shutil
import subprocess
import warnings
from collections import Counter
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_files
from pydicom.errors import InvalidDicomError

from tests.journeys.dcmtk import data_set_of, orthanc, orthanc_files, storescp
from tests.journeys.product import Product, product, wait_until
from tests.journeys.sender import write_instances

pytestmark = [pytest.mark.journey, pytest.mark.peers]
CT_COUNT = 500


def storage_objects() -> list[Path]:
    """The files of pydicom's own tests that are storage objects; those that are cut off are left out."""
    found = []
    for name in sorted(set(get_testdata_files())):
        path = Path(name)
        if path.is_dir() or "truncated" in path.name:
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ds = dcmread(path, stop_before_pixels=True)
        except InvalidDicomError:
            continue
        if "DICOMDIR" not in path.name and all(ds.get(name) for name in ("SOPClassUID", "SOPInstanceUID")):
            found.append(path)
    return found


def digests(paths: list[Path]) -> Counter[str]:
    """How often each data set is there, by its SHA-256."""
    return Counter(hashlib.sha256(data_set_of(path)).hexdigest() for path in paths)


def settled(running: Product) -> bool:
    """Everything received is indexed and planned, and nothing waits or is under way."""
    spooled = sum(1 for _ in (running.home / "spool" / "new").rglob("*.dcm"))
    unplanned = running.count("SELECT count(*) FROM studies_instance WHERE planned_at IS NULL")
    moving = running.count("SELECT count(*) FROM routing_delivery WHERE state IN ('pending', 'sending')")
    return spooled == unplanned == moving == 0


def test_every_byte_arrives_from_dcmsend_and_senddicom(tmp_path: Path) -> None:
    files = storage_objects() + write_instances(tmp_path / "made", CT_COUNT, pixels=128)
    with (
        storescp(tmp_path / "direct") as direct,
        storescp(tmp_path / "pacs") as pacs,
        orthanc(tmp_path / "orthanc") as (orthanc_dicom, orthanc_http),
        product(tmp_path / "home") as running,
    ):
        running.start()
        running.configure(destinations={"PACS": ("PACS", pacs), "Orthanc": ("ORTHANC", orthanc_dicom)})

        # dcmsend encodes anew what it sends, so what it sends to a bit-preserving storescp is the measure.
        for port in (direct, running.dicom_port):
            command = ["dcmsend", "-nh", "-nuc", "-aec", "GANTRY", "127.0.0.1", str(port), *map(str, files)]
            subprocess.run(command, check=False, capture_output=True, timeout=120)
        sent_to = {name: list((tmp_path / name).iterdir()) for name in ("direct",)}
        measure = digests(sent_to["direct"])
        refused = running_refusals(running)
        wait_until(lambda: settled(running), 60)
        stored = digests(stored_files(running))
        delivered = digests(list((tmp_path / "pacs").iterdir()))
        assert set(stored) <= set(measure)
        assert len(measure) - len(stored) == refused
        assert set(delivered) == set(stored)
        assert len(stored) > CT_COUNT + 70

        shutil.rmtree(tmp_path / "direct")
        # senddicom sends a file's bytes as they are.
        report = running.run("senddicom", *map(str, files))
        wait_until(lambda: settled(running), 60)
        assert "acknowledged" in report.stdout
        stored = digests(stored_files(running))
        assert set(digests(list((tmp_path / "pacs").iterdir()))) == set(stored)
        assert set(digests(files)) - set(stored) <= refusable(files)
        at_orthanc = {hashlib.sha256(content).hexdigest() for content in orthanc_files(orthanc_http)}
        assert len(at_orthanc) > CT_COUNT


def stored_files(running: Product) -> list[Path]:
    """All files of the hot store."""
    return [path for path in (running.home / "hot").rglob("*.dcm") if path.is_file()]


def running_refusals(running: Product) -> int:
    """How many instances the listener refused."""
    return sum(line["event"] == "instance refused" for line in running.log("scp"))


def refusable(files: list[Path]) -> set[str]:
    """Digests of the files that lack a Study or Series Instance UID, or name another class than their meta."""
    bad = []
    for path in files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ds = dcmread(path, stop_before_pixels=True)
        is_whole = ds.get("StudyInstanceUID") and ds.get("SeriesInstanceUID")
        if not is_whole or ds.SOPClassUID != ds.file_meta.get("MediaStorageSOPClassUID"):
            bad.append(path)
    return set(digests(bad))
