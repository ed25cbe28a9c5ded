"""What reading the header of an instance costs, against pydicom: ``python -m benchmarks.scan [files]``.

Without files it measures a data set as a CT writes it. Each way reads the same bytes from memory, in turns; what is
printed is the median. ``--against`` measures another scanner of the same interface too, such as an older version.
"""

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import ExplicitVRLittleEndian

from dicomnet.part10 import file_meta_bytes, read_file_meta
from studies.admission import UIDS
from studies.attributes import INDEX_TAGS
from studies.scan import scan

REPEATS, ROUNDS = 50, 21


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--against", type=Path, help="a Python file with a function scan")
    options = parser.parse_args()
    other = _scan_of(options.against) if options.against else None
    if not options.files:
        _measure("usual CT", _part10(usual_ct()), other)
    for path in options.files:
        _measure(path.name, path.read_bytes(), other)


def _measure(name: str, content: bytes, other: Callable[..., Any] | None) -> None:
    meta = _meta(content)
    view, syntax = memoryview(content)[meta.data_set_offset :], meta.transfer_syntax_uid
    uids = frozenset(UIDS)
    ways: dict[str, Callable[[], Any]] = {
        "scan, admission": lambda: scan(view, syntax, uids),
        "scan, index": lambda: scan(view, syntax, INDEX_TAGS),
    }
    if other is not None:
        ways["other, admission"] = lambda: other(view, syntax, uids)
        ways["other, index"] = lambda: other(view, syntax, INDEX_TAGS)
    ways["pydicom, header"] = lambda: pydicom.dcmread(BytesIO(content), stop_before_pixels=True)
    milliseconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, run in ways.items():
            began = time.process_time()
            for _ in range(REPEATS):
                run()
            milliseconds[way].append((time.process_time() - began) / REPEATS * 1000)
    print(f"{name}: {len(content):,} bytes")
    least = statistics.median(milliseconds["scan, index"])
    for way, values in milliseconds.items():
        median = statistics.median(values)
        print(f"  {way:18} {median:8.4f} ms   {median / least:6.2f} x")


def usual_ct() -> Dataset:
    """As many elements as a CT image has: some eighty, and sequences of undefined length in three levels."""
    ds = Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", "1.2.3.9"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3.4", "1.2.3.4.5"
    texts = "PatientID PatientName AccessionNumber StudyDescription SeriesDescription Manufacturer StationName"
    for keyword in texts.split():
        setattr(ds, keyword, "Example")
    ds.Modality, ds.Rows, ds.Columns, ds.BitsAllocated = "CT", 512, 512, 16
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20261120"
    for number in range(50):
        ds.add_new(0x00189300 + number, "DS", "1.25")
    for keyword in ("ProcedureCodeSequence", "ReferencedStudySequence", "RequestAttributesSequence"):
        inner = Dataset()
        inner.CodeValue, inner.CodingSchemeDesignator, inner.CodeMeaning = "1", "99EXAMPLE", "Example"
        outer = Dataset()
        outer.ConceptNameCodeSequence = [inner]
        outer["ConceptNameCodeSequence"].is_undefined_length = True
        outer.ReferencedSOPInstanceUID = "1.2.3"
        setattr(ds, keyword, [outer, outer])
        ds[keyword].is_undefined_length = True
        outer.is_undefined_length_sequence_item = inner.is_undefined_length_sequence_item = True
    ds.add_new(0x7FE00010, "OW", bytes(512 * 512 * 2))
    return ds


def _part10(ds: Dataset) -> bytes:
    buffer = DicomBytesIO()
    buffer.is_implicit_VR, buffer.is_little_endian = False, True
    write_dataset(buffer, ds)
    head = file_meta_bytes(
        sop_class_uid=ds.SOPClassUID,
        sop_instance_uid=ds.SOPInstanceUID,
        transfer_syntax_uid=str(ExplicitVRLittleEndian),
        calling_ae_title="BENCH",
        called_ae_title="GANTRY",
    )
    return head + bytes(buffer.getvalue())


def _meta(content: bytes) -> Any:
    from tempfile import TemporaryFile

    with TemporaryFile() as file:
        file.write(content)
        file.flush()
        return read_file_meta(file)


def _scan_of(path: Path) -> Callable[..., Any]:
    spec = importlib.util.spec_from_file_location("other_scan", path)
    assert spec is not None  # noqa: S101 (a .py file has one)
    assert spec.loader is not None  # noqa: S101
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found: Callable[..., Any] = module.scan
    return found


if __name__ == "__main__":
    main()
