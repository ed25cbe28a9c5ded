"""Data sets in the DICOM JSON model (PS3.18 F)."""

import json
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from studies.dicom_json import as_json, encoded
from tests.corpus import data_set, element, pydicom_files, write_part10

URI = "http://host/instances/1/bulkdata"


def _one(keyword: str, value: object) -> object:
    ds = Dataset()
    setattr(ds, keyword, value)
    (found,) = as_json(ds, URI).values()
    return found


TABLE = [
    ("Rows", 512, {"vr": "US", "Value": [512]}),
    ("SliceThickness", "1.50", {"vr": "DS", "Value": [1.5]}),
    ("ImagePositionPatient", ["1", "-2.5", "3e1"], {"vr": "DS", "Value": [1.0, -2.5, 30.0]}),
    ("SeriesNumber", "7", {"vr": "IS", "Value": [7]}),
    ("ModalitiesInStudy", ["CT", "", "SR"], {"vr": "CS", "Value": ["CT", None, "SR"]}),
    ("PatientID", "", {"vr": "LO"}),
    ("PatientName", "Yamada^Tarou=山田^太郎", {
        "vr": "PN", "Value": [{"Alphabetic": "Yamada^Tarou", "Ideographic": "山田^太郎"}],
    }),
    ("FrameIncrementPointer", 0x00181063, {"vr": "AT", "Value": ["00181063"]}),
    ("StudyDate", "20260102", {"vr": "DA", "Value": ["20260102"]}),
    ("FrameTimeVector", ["1", "2"], {"vr": "DS", "Value": [1.0, 2.0]}),
    ("RealWorldValueSlope", float("inf"), {"vr": "FD", "Value": ["inf"]}),
    ("EncapsulatedDocument", b"abcd", {"vr": "OB", "InlineBinary": "YWJjZA=="}),
    ("EncapsulatedDocument", bytes(2000), {"vr": "OB", "BulkDataURI": f"{URI}/00420011"}),
    ("TextValue", "a\\b\r\n\"c\"", {"vr": "UT", "Value": ["a\\b\r\n\"c\""]}),
]  # fmt: skip


@pytest.mark.parametrize(("keyword", "value", "expected"), TABLE)
def test_values(keyword: str, value: object, expected: object) -> None:
    assert _one(keyword, value) == expected


def test_sequences_hold_objects_and_bulk_data_says_in_which_item() -> None:
    item = Dataset()
    item.CodeValue, item.EncapsulatedDocument = "1", bytes(5000)
    found = _one("ConceptNameCodeSequence", Sequence([Dataset(), item]))
    document = {"vr": "OB", "BulkDataURI": f"{URI}/0040A043/1/00420011"}
    assert found == {"vr": "SQ", "Value": [{}, {"00080100": {"vr": "SH", "Value": ["1"]}, "00420011": document}]}
    assert _one("ConceptNameCodeSequence", Sequence([])) == {"vr": "SQ"}


def test_text_becomes_utf_8_and_group_2_stays_out(tmp_path: Path) -> None:
    latin = element(0x00080005, "CS", b"ISO_IR 100") + element(0x00081030, "LO", "Schädel".encode("latin-1"))
    path = write_part10(tmp_path, data_set(sop_instance_uid=b"1.2.3.9", early=latin), uid="1.2.3.9")
    found = json.loads(encoded(str(path), "http://host/i"))
    assert found["00081030"]["Value"] == ["Schädel"]
    assert not [tag for tag in found if tag.startswith("0002") or tag.endswith("0000")]


def test_a_value_that_is_none_of_its_vr_has_no_value(tmp_path: Path) -> None:
    path = write_part10(tmp_path, data_set(sop_instance_uid=b"1.2.3.9", late=element(0x00720074, "FD", b"abc")))
    found = json.loads(encoded(str(path), "http://host/i"))
    assert found["00720074"] == {"vr": "FD"}


@pytest.mark.parametrize("path", pydicom_files(), ids=lambda path: path.name)
def test_every_file_of_pydicoms_is_said_as_json(path: Path) -> None:
    found = json.loads(encoded(str(path), "http://host/i"))
    ds = dcmread(path, stop_before_pixels=True)
    assert found["00080018"]["Value"] == [str(ds.SOPInstanceUID)]
    assert all(len(each["vr"]) == 2 for each in found.values())
    assert ("7FE00010" in found) == ("PixelData" in dcmread(path))
