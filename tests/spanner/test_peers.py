"""A federation of DCMTK's and two of Orthanc's archives finds what each finds when it is asked alone."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage
from pynetdicom import AE

from dicomnet.scu.find import STUDY_ROOT
from dicomnet.scu.outgoing import Outgoing
from dicomnet.scu.store import StoreAssociation
from spanner.answers import text_of
from spanner.ask.dimse import pool
from spanner.models import ConfigSource, Source, SourceKind, SpanningConfig
from spanner.question import SERIES_UID, SOP_UID, STUDY_UID, question
from spanner.search import Found, span
from studies.query.keys import QueryLevel
from tests.corpus import EXPLICIT, encoded, write_part10
from tests.journeys.dcmtk import orthanc, process
from tests.journeys.product import free_port
from tests.peers import LOOPBACK, peer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.peers, pytest.mark.embedded]
STUDIES = 24
HELD = {"Dcmtk": range(14), "Orthanc": range(8, 20), "Web": range(14, STUDIES)}
DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
CONFIGURATION = """
NetworkTCPPort = {port}
MaxPDUSize = 16384
MaxAssociations = 16
HostTable BEGIN
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
QRSCP {store} RW (200, 1024mb) ANY
AETable END
"""
QUESTIONS: dict[str, dict[str, str]] = {
    "one patient": {"PatientID": "P2"},
    "a pattern of patients": {"PatientID": "P1*"},
    "nobody": {"PatientID": "P999"},
    "a name": {"PatientName": "DOE*"},
    "a name that is not English": {"PatientName": "M\u00fcller*"},
    "a range of dates": {"StudyDate": "20260105-20260118"},
    "since": {"StudyDate": "20260115-"},
    "a day and a patient": {"StudyDate": "20260103", "PatientID": "P2"},
    "accession number": {"AccessionNumber": "A11"},
    "some studies": {"StudyInstanceUID": "1.2.3.1\\1.2.3.12\\1.2.3.22\\1.2.3.99"},
    "all": {},
}


@dataclass(frozen=True)
class Archives:
    """Where they are."""

    dcmtk: int
    orthanc: int
    web: str


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archives]:
    folder = tmp_path_factory.mktemp("peers")
    (folder / "store").mkdir()
    port = free_port()
    (folder / "qr.cfg").write_text(CONFIGURATION.format(port=port, store=folder / "store"))
    told = {"DicomAlwaysAllowFind": True, "DefaultEncoding": "Latin1"}
    with (
        process("dcmqrscp", "-c", str(folder / "qr.cfg"), port=port, log=folder / "log"),
        orthanc(folder / "one", **told) as (one, _),
        orthanc(folder / "two", Plugins=[str(DICOMWEB)], **told) as (two, http),
    ):
        for (name, held), (ae_title, to) in zip(
            HELD.items(), (("QRSCP", port), ("ORTHANC", one), ("ORTHANC", two)), strict=True
        ):
            fill(to, ae_title, held, folder / name)
        yield Archives(port, one, f"http://{LOOPBACK}:{http}/dicom-web")


def fill(port: int, ae_title: str, numbers: Sequence[int], folder: Path) -> None:
    folder.mkdir()
    paths = [
        write_part10(folder, encoded(instance(number, part), EXPLICIT), uid=f"1.2.3.{number}.{part}.1")
        for number in numbers
        for part in (1, 2)
    ]
    sent = [Outgoing.from_file(path) for path in paths]
    with StoreAssociation(peer(port, ae_title, timeout_seconds=30), [one.context for one in sent]) as assoc:
        assert all(one.outcome.is_stored for one in assoc.send_all(sent))  # type: ignore[union-attr]


def instance(number: int, part: int) -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, f"1.2.3.{number}.{part}.1"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"1.2.3.{number}", f"1.2.3.{number}.{part}"
    ds.PatientID, ds.PatientName = f"P{number % 12}", ("Doe^Jane", "M\u00fcller^J\u00f6rg", "Roe^Rick")[number % 3]
    ds.PatientBirthDate, ds.PatientSex = f"19500{1 + number % 12 % 9}01", "F"
    ds.StudyDate, ds.StudyTime, ds.AccessionNumber = f"202601{1 + number:02}", "101112", f"A{number}"
    ds.StudyDescription, ds.StudyID, ds.Modality = "CT Thorax", str(number), "CT"
    ds.SeriesNumber, ds.InstanceNumber = part, 1
    return ds


@contextmanager
def federated(archives: Archives) -> Iterator[SpanningConfig]:
    told = {"timeout_seconds": 30}
    sources = [
        Source.objects.create(name="Dcmtk", ae_title="QRSCP", host=LOOPBACK, port=archives.dcmtk, **told),
        Source.objects.create(name="Orthanc", ae_title="ORTHANC", host=LOOPBACK, port=archives.orthanc, **told),
        Source.objects.create(name="Web", kind=SourceKind.DICOMWEB, url=archives.web, **told),
    ]
    config = SpanningConfig.objects.create(name="all", timeout_seconds=60, cache_seconds=0)
    for priority, source in enumerate(sources):
        ConfigSource.objects.create(config=config, source=source, priority=priority)
    yield config
    pool().close()


def ask(config: SpanningConfig, level: QueryLevel, wanted: dict[str, str]) -> Found:
    values = {tag_of(keyword): value for keyword, value in wanted.items()}
    return span(config, question(level, values), door="api", asked_by="anna")


def tag_of(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return tag


@pytest.mark.parametrize("wanted", QUESTIONS.values(), ids=QUESTIONS)
def test_it_finds_what_each_finds_alone(archives: Archives, wanted: dict[str, str]) -> None:
    alone = {
        "Dcmtk": by_pynetdicom(archives.dcmtk, "QRSCP", wanted),
        "Orthanc": by_pynetdicom(archives.orthanc, "ORTHANC", wanted),
        "Web": by_urllib(archives.web, wanted),
    }
    with federated(archives) as config:
        found = ask(config, QueryLevel.STUDY, wanted)
    assert [(answer.source, answer.state, answer.error) for answer in found.answers] == [
        (name, "ok", "") for name in alone
    ]
    by_uid = {text_of(one.row, STUDY_UID): set(one.sources) for one in found.merged}
    assert len(by_uid) == len(found.merged)  # each once, none in conflict
    assert by_uid == {
        uid: {name for name, uids in alone.items() if uid in uids} for uid in set().union(*alone.values())
    }
    assert all(not one.is_conflicting and not one.differing for one in found.merged)
    if not wanted:
        assert len(by_uid) == STUDIES


@pytest.mark.parametrize("number", [3, 10, 15, 22])
def test_series_and_instances_of_a_study_are_those_of_whoever_has_it(archives: Archives, number: int) -> None:
    with federated(archives) as config:
        study = {"StudyInstanceUID": f"1.2.3.{number}"}
        series = ask(config, QueryLevel.SERIES, study)
        instances = ask(config, QueryLevel.IMAGE, study)
    holders = [name for name, held in HELD.items() if number in held]
    assert series.is_complete
    assert instances.is_complete
    assert [text_of(one.row, SERIES_UID) for one in series.merged] == [f"1.2.3.{number}.{part}" for part in (1, 2)]
    assert {text_of(one.row, SOP_UID) for one in instances.merged} == {f"1.2.3.{number}.{part}.1" for part in (1, 2)}
    assert all(one.sources == holders for one in [*series.merged, *instances.merged])


def by_pynetdicom(port: int, ae_title: str, wanted: dict[str, str]) -> set[str]:
    ae = AE()
    ae.add_requested_context(STUDY_ROOT)
    assoc = ae.associate(LOOPBACK, port, ae_title=ae_title)
    keys = Dataset()
    keys.QueryRetrieveLevel, keys.StudyInstanceUID = "STUDY", ""
    if not "".join(wanted.values()).isascii():
        keys.SpecificCharacterSet = "ISO_IR 192"
    for keyword, value in wanted.items():
        setattr(keys, keyword, value)
    found = set()
    for status, match in assoc.send_c_find(keys, STUDY_ROOT):
        assert status.Status in {0xFF00, 0xFF01, 0x0000}
        if match is not None:
            found.add(str(match.StudyInstanceUID))
    assoc.release()
    return found


def by_urllib(root: str, wanted: dict[str, str]) -> set[str]:
    asked = urllib.parse.urlencode({keyword: value.replace("\\", ",") for keyword, value in wanted.items()})
    request = urllib.request.Request(f"{root}/studies?{asked}", headers={"Accept": "application/dicom+json"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 (loopback)
        rows = json.loads(response.read() or b"[]")
    return {row["0020000D"]["Value"][0] for row in rows}
