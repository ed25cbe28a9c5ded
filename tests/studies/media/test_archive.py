"""A study's ZIP: its DICOMDIR as pydicom reads it, its files byte by byte, and what happens to damaged ones."""

import io
import tracemalloc
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.fileset import FileSet, is_conformant_file_id
from pydicom.uid import BasicTextSRStorage

from gateway.env import Environment
from studies.errors import InstanceDamaged, InstanceMissing
from studies.index import index_spool
from studies.media.archive import studies_archive, study_archive
from studies.models import Instance, Series, Study
from studies.spool import Spool
from studies.storage import hot_storage
from tests.studies.receiving import receive

pytestmark = pytest.mark.django_db(transaction=True)
PATIENT = {"PatientName": "Müller^Jörg=山田^太郎", "PatientID": "P1", "SpecificCharacterSet": "ISO_IR 192"}


@pytest.fixture
def study(home: Environment, spool: Spool, bells: list[int]) -> Study:
    """Two series of images, and a report whose file lacks what a record of a report must say."""
    for number in (2, 1, 3):
        receive(spool, uid=f"1.1.1.{number}", InstanceNumber=number, Rows=4, Columns=4, StudyDate="20261126", **PATIENT)
    receive(spool, series="1.1.2", uid="1.1.2.1", SeriesNumber=7, Modality="MR", **PATIENT)
    index_spool(spool)
    return Study.objects.get()


def unpacked(archive: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(archive)) as read:
        assert read.testzip() is None
        read.extractall(folder)
    return folder


@contextmanager
def read_back(folder: Path) -> Iterator[FileSet]:
    found = FileSet(folder / "DICOMDIR")
    yield found
    found._stage["t"].cleanup()  # a folder for changes that nobody makes


def test_pydicom_reads_the_directory_and_finds_every_file(study: Study, tmp_path: Path) -> None:
    archive = study_archive(study)
    data = b"".join(archive.chunks())
    assert len(data) == archive.size_bytes

    folder = unpacked(data, tmp_path / "media")
    with read_back(folder) as found:
        assert len(found) == archive.instances == 4
        assert {str(each.SOPInstanceUID) for each in found} == set(
            Instance.objects.values_list("sop_instance_uid", flat=True)
        )
        assert [str(each.PatientName) for each in found.find(PatientID="P1")] == [PATIENT["PatientName"]] * 4
        assert len(found.find(SeriesInstanceUID="1.1.2")) == 1
        for each in found:
            assert is_conformant_file_id(Path(each.path).relative_to(folder))
            row = Instance.objects.get(sop_instance_uid=each.SOPInstanceUID)
            assert Path(each.path).read_bytes() == Path(hot_storage().path(row.location)).read_bytes()


def test_series_alone_holds_its_own_files(study: Study, tmp_path: Path) -> None:
    archive = study_archive(study, Series.objects.get(series_instance_uid="1.1.2"))

    with read_back(unpacked(b"".join(archive.chunks()), tmp_path / "media")) as found:
        assert [str(each.SOPInstanceUID) for each in found] == ["1.1.2.1"]


def test_later_contents_of_a_conflict_stay_out(study: Study, spool: Spool) -> None:
    receive(spool, uid="1.1.1.1", InstanceNumber=9, **PATIENT)
    index_spool(spool)
    assert Instance.objects.count() == 5

    assert study_archive(study).instances == 4


def test_report_has_its_record_and_one_without_the_keys_has_none(
    home: Environment, spool: Spool, bells: list[int], tmp_path: Path
) -> None:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "18748-4", "LN", "Diagnostic imaging report"
    keys = {
        "CompletionFlag": "COMPLETE", "VerificationFlag": "UNVERIFIED", "ContentDate": "20261126",
        "ContentTime": "1200", "ConceptNameCodeSequence": [code], "InstanceNumber": 1,
    }  # fmt: skip
    _receive_report(spool, "1.1.3.1", **keys)
    _receive_report(spool, "1.1.3.2")
    index_spool(spool)

    archive = study_archive(Study.objects.get())
    folder = unpacked(b"".join(archive.chunks()), tmp_path / "media")

    records = [item.DirectoryRecordType for item in dcmread(folder / "DICOMDIR").DirectoryRecordSequence]
    assert records == ["PATIENT", "STUDY", "SERIES", "SR DOCUMENT"]
    assert archive.instances == 2  # the other file is there, and referred to by none


def test_file_that_is_gone_is_told_before_anything_is_sent(study: Study) -> None:
    Path(hot_storage().path(Instance.objects.last().location)).unlink()  # type: ignore[union-attr]

    with pytest.raises(InstanceMissing):
        study_archive(study)


def test_file_that_rotted_breaks_the_archive_off(study: Study) -> None:
    archive = study_archive(study)
    path = Path(hot_storage().path(Instance.objects.get(sop_instance_uid="1.1.1.3").location))
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)

    with pytest.raises(InstanceDamaged):
        list(archive.chunks())


def test_memory_stays_flat(home: Environment, spool: Spool, bells: list[int]) -> None:
    receive(spool, PixelData=bytes(24 << 20), Rows=4096, Columns=3072, BitsAllocated=16)
    index_spool(spool)
    archive = study_archive(Study.objects.get())

    tracemalloc.start()
    sent = sum(map(len, archive.chunks()))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert sent == archive.size_bytes
    assert peak < 8 << 20


def _receive_report(spool: Spool, uid: str, **more: object) -> None:
    from dicomnet.services import StoreRequest
    from tests.corpus import EXPLICIT, encoded

    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = BasicTextSRStorage, uid
    ds.StudyInstanceUID, ds.SeriesInstanceUID, ds.Modality = "1.1", "1.1.3", "SR"
    for keyword, value in more.items():
        setattr(ds, keyword, value)
    sink = spool.open(StoreRequest(BasicTextSRStorage, uid, EXPLICIT, "CT1", "GANTRY", "10.1.2.3"))
    sink.write(encoded(ds, EXPLICIT))
    assert sink.commit().status == 0


def test_several_studies_in_one_archive_and_no_patient_under_another(
    home: Environment, spool: Spool, bells: list[int], tmp_path: Path
) -> None:
    for number, patient in ((1, "P1"), (2, "P1"), (3, "P2"), (4, ""), (5, "")):
        receive(spool, study=f"1.{number}", series=f"1.{number}.1", uid=f"1.{number}.1.1", PatientID=patient)
    index_spool(spool)

    archive = studies_archive(Study.objects.order_by("study_instance_uid"))

    folder = unpacked(b"".join(archive.chunks()), tmp_path / "media")
    with read_back(folder) as found:
        assert len(found) == archive.instances == 5
        assert sorted(found.find_values("PatientID")) == ["P1", "P2", "UNKNOWN"]
        assert len(found.find(PatientID="P1")) == 2
        paths = {Path(instance.path).relative_to(folder).parts[1] for instance in found}
        assert paths == {f"ST00000{number}" for number in range(1, 6)}
