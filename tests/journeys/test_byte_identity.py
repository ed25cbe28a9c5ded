"""What DCMTK and Gantry's own sender send arrives at a PACS with every byte of its data set, and is fetched so."""

import hashlib
import os
import subprocess
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, NamedTuple, cast

import pytest
from pydicom import Dataset, dcmread
from pydicom.data import get_testdata_files
from pydicom.errors import InvalidDicomError

from dicomnet.part10 import read_file_meta
from dicomnet.scu.association import Peer
from dicomnet.scu.store import Outgoing, StoreAssociation, by_association
from tests.journeys.dcmtk import data_set_of, orthanc, orthanc_files, storescp
from tests.journeys.product import Product, product, wait_until
from tests.journeys.sender import write_instances

pytestmark = [pytest.mark.embedded, pytest.mark.journey, pytest.mark.peers]
CT_COUNT = 500
# Cut off, or its header is in another encoding than it says: DCMTK cannot read them either.
BROKEN = {"MR_truncated.dcm", "rtplan_truncated.dcm", "SC_rgb_jpeg.dcm"}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The storage objects that pydicom ships for its tests, and generated ones."""
    made = write_instances(tmp_path_factory.mktemp("made"), CT_COUNT, pixels=128)
    return [*storage_objects(), *made]


def test_dcmsend_to_storescp_and_orthanc_keeps_every_byte(tmp_path: Path, files: list[Path]) -> None:
    with (
        storescp(tmp_path / "direct") as direct,
        orthanc(tmp_path / "direct-orthanc") as (direct_dicom, direct_http),
        orthanc(tmp_path / "orthanc") as (orthanc_dicom, orthanc_http),
        running_product(tmp_path, Orthanc=("ORTHANC", orthanc_dicom)) as (running, pacs),
    ):
        # dcmsend encodes anew what it reads, so what it sends to a bit-preserving storescp is the measure.
        for port in (direct, direct_dicom, running.dicom_port):
            command = ["dcmsend", "-nh", "-nuc", "-aec", "GANTRY", "127.0.0.1", str(port), *map(str, files)]
            subprocess.run(command, check=False, capture_output=True, timeout=120, env=os.environ | NO_DELAY)
        wait_until(lambda: is_settled(running), 60)
        sent = digests(files_in(tmp_path / "direct"))
        stored = digests(files_in(running.home / "hot"))
        delivered = digests(files_in(pacs))
        fetched = digests(fetch(running.dicom_port, tmp_path / "fetched"))
        refused = [line for line in running.log("scp") if line["event"] == "instance refused"]
        through, directly = orthanc_digests(orthanc_http), orthanc_digests(direct_http)
    assert set(stored) <= set(sent)
    assert len(sent) - len(stored) == len(refused)
    assert set(delivered) == set(stored)
    assert len(stored) > CT_COUNT + 100
    assert set(fetched) <= set(stored)
    assert sum(fetched.values()) == CT_COUNT / 4
    # For a peer that offers less dcmsend encodes in another transfer syntax: only Gantry takes the deflated one.
    same = {uid for uid in set(through) & set(directly) if through[uid].syntax == directly[uid].syntax}
    assert len(set(through) - same - repeated(files)) == 1
    expect_same_at_orthanc({uid: through[uid] for uid in same}, directly, files)


def test_senddicom_to_storescp_and_orthanc_keeps_every_byte(tmp_path: Path, files: list[Path]) -> None:
    acceptable = [path for path in files if is_acceptable(path)]
    expected = {hashlib.sha256(as_sent(path)).hexdigest() for path in acceptable}
    with (
        orthanc(tmp_path / "direct") as (direct_dicom, direct_http),
        orthanc(tmp_path / "orthanc") as (orthanc_dicom, orthanc_http),
        running_product(tmp_path, Orthanc=("ORTHANC", orthanc_dicom)) as (running, pacs),
    ):
        send_directly(acceptable, direct_dicom)
        done = running.run("senddicom", *map(str, files))
        wait_until(lambda: is_settled(running), 60)
        assert set(digests(files_in(running.home / "hot"))) == expected, done.stdout
        assert set(digests(files_in(pacs))) == expected
        through, directly = orthanc_digests(orthanc_http), orthanc_digests(direct_http)
    assert set(through) == set(directly)
    expect_same_at_orthanc(through, directly, files)
    assert len({kept.sha256 for kept in through.values()} & expected) >= CT_COUNT


class Kept(NamedTuple):
    """A data set at Orthanc: its transfer syntax and SHA-256."""

    syntax: str
    sha256: str


def expect_same_at_orthanc(through: dict[str, Kept], directly: dict[str, Kept], files: list[Path]) -> None:
    """What came through Gantry is what the same sender brought directly.

    Orthanc writes some objects in its own way, so it is not compared with the file; and it keeps one of those that
    share a UID, so these are left out.
    """
    once = set(through) - repeated(files)
    assert len(once) > CT_COUNT
    assert {uid: through[uid] for uid in once} == {uid: directly[uid] for uid in once}


NO_DELAY = {"TCP_NODELAY": "1"}  # else DCMTK waits 40 ms for an acknowledgement with each object


@contextmanager
def running_product(tmp_path: Path, **others: tuple[str, int]) -> Iterator[tuple[Product, Path]]:
    """A product that delivers everything to a storescp, and to others; yields it and the folder of storescp."""
    with storescp(tmp_path / "pacs") as port, product(tmp_path / "home") as running:
        running.start()
        running.configure(destinations={"PACS": ("PACS", port), **others})
        yield running, tmp_path / "pacs"


def fetch(port: int, folder: Path) -> list[Path]:
    """One of the generated studies, by C-GET from whoever listens there."""
    folder.mkdir()
    wanted = ["-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID=2.25.71"]
    command = ["getscu", "-S", "+B", "-od", str(folder), *wanted, "-aec", "GANTRY", "127.0.0.1", str(port)]
    subprocess.run(command, check=True, capture_output=True, timeout=120, env=os.environ | NO_DELAY)
    return files_in(folder)


def storage_objects() -> list[Path]:
    """Files with a SOP Class and a SOP Instance UID."""
    found = []
    for name in sorted(set(get_testdata_files())):
        path = Path(name)
        if path.is_dir() or path.name in BROKEN or "DICOMDIR" in path.name:
            continue
        try:
            ds = read(path)
        except InvalidDicomError:
            continue
        if ds.get("SOPClassUID") and ds.get("SOPInstanceUID") and ds.file_meta.get("TransferSyntaxUID"):
            found.append(path)
    return found


def read(path: Path) -> Dataset:
    """The header, whatever is odd about it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(path, stop_before_pixels=True)


def repeated(paths: list[Path]) -> set[str]:
    """SOP Instance UIDs that several files share."""
    return {uid for uid, count in Counter(map(uid_of, paths)).items() if count > 1}


def uid_of(path: Path) -> str:
    return str(read(path).SOPInstanceUID)


def is_acceptable(path: Path) -> bool:
    """The file has all UIDs, and its data set is what its File Meta Information says."""
    ds = read(path)
    return bool(
        ds.get("StudyInstanceUID")
        and ds.get("SeriesInstanceUID")
        and ds.SOPClassUID == ds.file_meta.get("MediaStorageSOPClassUID")
        and ds.SOPInstanceUID == ds.file_meta.get("MediaStorageSOPInstanceUID")
    )


def as_sent(path: Path) -> bytes:
    """A data set of odd length, which only a deflated stream may have, gets a zero byte (PS3.5 A.5)."""
    content = data_set_of(path)
    return content + b"\0" * (len(content) % 2)


def send_directly(paths: list[Path], port: int) -> None:
    """Send files as they are, without Gantry."""
    peer = Peer("ORTHANC", "127.0.0.1", port, "MODALITY")
    for run in by_association(map(Outgoing.from_file, paths)):
        with StoreAssociation(peer, [instance.context for instance in run]) as assoc:
            for instance in run:
                assoc.send(instance)


def digests(paths: list[Path]) -> Counter[str]:
    """How often each data set is there, by its SHA-256."""
    return Counter(hashlib.sha256(data_set_of(path)).hexdigest() for path in paths)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def orthanc_digests(http_port: int) -> dict[str, Kept]:
    """Each data set that Orthanc keeps, by SOP Instance UID."""
    found = {}
    for content in orthanc_files(http_port):
        with TemporaryFile() as file:
            file.write(content)
            file.flush()
            meta = read_file_meta(cast(BinaryIO, file))
            digest = hashlib.sha256(content[meta.data_set_offset :]).hexdigest()
            found[meta.sop_instance_uid] = Kept(meta.transfer_syntax_uid, digest)
    return found


def is_settled(running: Product) -> bool:
    """Everything received is indexed and planned, and nothing waits or is under way."""
    unplanned = running.count("SELECT count(*) FROM studies_instance WHERE planned_at IS NULL")
    moving = running.count("SELECT count(*) FROM routing_delivery WHERE state IN ('pending', 'sending')")
    return not files_in(running.home / "spool" / "new") and unplanned == moving == 0
