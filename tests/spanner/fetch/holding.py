"""Archives that hold studies: DCMTK's dcmqrscp, Orthanc, and what is here of them."""

import json
import subprocess
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.presentation import build_context
from pynetdicom.transport import ThreadedAssociationServer

from dicomnet.scu.find import STUDY_ROOT
from dicomnet.scu.get import MODEL as GET_MODEL
from studies.models import Instance
from studies.storage import hot_storage
from tests.corpus import CT, EXPLICIT, data_set, data_set_bytes, element, write_part10
from tests.journeys.dcmtk import orthanc as run_orthanc
from tests.journeys.dcmtk import process
from tests.journeys.product import free_port
from tests.peers import LOOPBACK, serving

STUDY = "1.2.3.4"
DICOMWEB_PLUGIN = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"


def own_port() -> int:
    """A free port for this archive's listener."""
    return free_port()


def a_study(folder: Path, count: int = 5, *, series: int = 2, pixels: int = 0) -> list[Path]:
    """Files of a study of CT instances, spread over its series."""
    folder.mkdir(exist_ok=True)
    found = []
    for number in range(count):
        uid = f"{STUDY}.{number % series + 1}.{number + 1}"
        content = data_set(
            sop_instance_uid=uid.encode(),
            study_instance_uid=STUDY.encode(),
            series_instance_uid=f"{STUDY}.{number % series + 1}".encode(),
            early=element(0x00100010, "PN", b"Doe^Jane") + element(0x00100020, "LO", b"P1"),
            late=element(0x00200010, "SH", b"1")
            + element(0x00200013, "IS", str(number + 1).encode())
            + (element(0x7FE00010, "OW", bytes([number]) * pixels) if pixels else b""),
        )
        found.append(write_part10(folder, content, uid=uid))
    return found


def data_sets(files: Sequence[Path]) -> dict[str, bytes]:
    """By SOP Instance UID, which is the file's name."""
    return {path.stem: data_set_bytes(path) for path in files}


def stored() -> dict[str, bytes]:
    """The data sets that are in the index here, by SOP Instance UID."""
    return {
        instance.sop_instance_uid: data_set_bytes(Path(hot_storage().path(instance.location)))
        for instance in Instance.objects.all()
    }


@contextmanager
def qrscp(folder: Path, files: Sequence[Path], *, own_port: int = 1) -> Iterator[int]:
    """DCMTK's dcmqrscp that holds these files and knows this archive; yields its port."""
    port = free_port()
    store = folder / "QRSCP"
    store.mkdir(parents=True)
    config = folder / "dcmqrscp.cfg"
    config.write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\ngantry = (GANTRY, 127.0.0.1, {own_port})\nHostTable END\n"
        "VendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQRSCP {store} RW (200, 1024mb) ANY\nAETable END\n"
    )
    with process("dcmqrscp", "--config", str(config), port=port, log=folder / "dcmqrscp.log"):
        send(port, files, "QRSCP")
        yield port


@contextmanager
def orthanc(folder: Path, files: Sequence[Path], *, own_port: int = 1, **told: Any) -> Iterator[tuple[int, str]]:
    """An Orthanc that holds these files and knows this archive; yields its DICOM port and the root of its DICOMweb."""
    known = {"Plugins": [DICOMWEB_PLUGIN], "DicomModalities": {"gantry": ["GANTRY", "127.0.0.1", own_port]}}
    known |= {"DicomAlwaysAllowGet": True, "DicomAlwaysAllowFind": True, "DicomAlwaysAllowMove": True} | told
    with run_orthanc(folder, **known) as (dicom_port, http_port):
        for path in files:
            upload = urllib.request.Request(f"http://127.0.0.1:{http_port}/instances", path.read_bytes())
            with urllib.request.urlopen(upload, timeout=30) as answer:  # noqa: S310 (loopback)
                assert json.load(answer)["Status"] == "Success"
        yield dicom_port, f"http://127.0.0.1:{http_port}/dicom-web"


def send(port: int, files: Sequence[Path], ae_title: str) -> None:
    """Store files there as a device does."""
    command = ["storescu", "-aec", ae_title, "-aet", "GANTRY", "127.0.0.1", str(port), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout


@dataclass
class GetArchive:
    """An archive made with pynetdicom that sends by C-GET as it is told.

    Attributes:
        aborts_after: so many instances are sent before it aborts the association; None: it does not.
        keeps_back: of the last instances, so many are listed and never sent.
        gate: while it is not set, nothing more is sent after the first instance.
        sent: SOP Instance UIDs, in the order in which they went.
    """

    files: Sequence[Path]
    aborts_after: int | None = None
    keeps_back: int = 0
    port: int = 0
    sent: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()
        self._all: list[Dataset] = [pydicom.dcmread(path) for path in self.files]

    def forget(self, sop_uid: str) -> None:
        """Have it no more."""
        self._all = [ds for ds in self._all if sop_uid != ds.SOPInstanceUID]

    def on_find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        """Answer with one match for each that differs in the unique keys of the level."""
        asked = event.identifier
        seen = set()
        for ds in self._matching(asked):
            level = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}
            if (uid := str(ds[level[asked.QueryRetrieveLevel]].value)) in seen:
                continue
            seen.add(uid)
            match = Dataset()
            match.QueryRetrieveLevel = asked.QueryRetrieveLevel
            for key in asked:
                if key.keyword in ds:
                    match[key.keyword] = ds[key.keyword]
            if asked.QueryRetrieveLevel == "STUDY":
                match.NumberOfStudyRelatedInstances = str(len(self._all))
            yield 0xFF00, match

    def on_get(self, event: evt.Event) -> Iterator[Any]:
        """Send what is asked for."""
        found = self._matching(event.identifier)
        found = [ds for ds in found if ds not in self._all[len(self._all) - self.keeps_back :]]
        yield len(found)
        for ds in found:
            if self.sent:
                self.gate.wait(60)
            if self.aborts_after is not None and len(self.sent) >= self.aborts_after:
                event.assoc.abort()
                return
            self.sent.append(str(ds.SOPInstanceUID))
            yield 0xFF00, ds

    def _matching(self, asked: Dataset) -> list[Dataset]:
        found = self._all
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            value = asked.get(keyword)
            if value:
                wanted = [value] if isinstance(value, str) else list(value)
                found = [ds for ds in found if ds[keyword].value in wanted]
        return found


@contextmanager
def get_archive(files: Sequence[Path], **told: Any) -> Iterator[GetArchive]:
    """Run a GetArchive."""
    found = GetArchive(files, **told)
    ae = AE(ae_title="PEER")
    sending = build_context(CT, [EXPLICIT])
    sending.scu_role = sending.scp_role = True
    contexts = [build_context(STUDY_ROOT), build_context(GET_MODEL), sending]
    handlers: list[Any] = [(evt.EVT_C_FIND, found.on_find), (evt.EVT_C_GET, found.on_get)]
    server = ae.make_server(
        (LOOPBACK, 0), contexts=contexts, evt_handlers=handlers, server_class=ThreadedAssociationServer
    )
    ae._servers.append(server)
    with serving(server) as found.port:
        yield found
