"""What a simulated AI node returns: a report, a secondary capture, or what looks like a segmentation.

Each names its sources where the standard wants them: in the evidence of a report (PS3.3 C.17.2), in Source Image
Sequence of a capture (PS3.3 C.12.4), in Referenced Series Sequence of both images (PS3.3 C.12.2).
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import BasicTextSRStorage, SecondaryCaptureImageStorage, SegmentationStorage, generate_uid

SERIES_DESCRIPTION = "AI_RESULT"
SERIES_NUMBER = 9000
SIDE = 64
_FROM_SOURCE = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)


def make_result(sources: Sequence[Dataset], kind: str) -> Dataset:
    """A result in the study of its sources, with UIDs of its own.

    Args:
        sources: headers of the instances that it was made from, all of one study.
        kind: a key of ``KINDS``.
    """
    ds = Dataset()
    for keyword in _FROM_SOURCE:
        if keyword in sources[0]:
            ds[keyword] = sources[0][keyword]
    ds.SOPInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
    ds.SeriesDescription, ds.SeriesNumber, ds.InstanceNumber = SERIES_DESCRIPTION, SERIES_NUMBER, 1
    now = datetime.now(UTC)
    ds.ContentDate, ds.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S.%f")
    ds.Manufacturer, ds.ManufacturerModelName = "Gantry lab", "Simulated AI node"
    ds.SoftwareVersions, ds.DeviceSerialNumber = "1", "LAB"
    KINDS[kind](ds, sources)
    return ds


def _report(ds: Dataset, sources: Sequence[Dataset]) -> None:
    """A Basic Text SR with one finding (PS3.3 A.35.1)."""
    ds.SOPClassUID, ds.Modality = BasicTextSRStorage, "SR"
    ds.ReferencedPerformedProcedureStepSequence = []
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    study = Dataset()
    study.StudyInstanceUID = sources[0].StudyInstanceUID
    study.ReferencedSeriesSequence = _by_series(sources, "ReferencedSOPSequence")
    ds.CurrentRequestedProcedureEvidenceSequence = [study]
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = [_code("18748-4", "LN", "Diagnostic imaging report")]
    finding = Dataset()
    finding.RelationshipType, finding.ValueType = "CONTAINS", "TEXT"
    finding.ConceptNameCodeSequence = [_code("121071", "DCM", "Finding")]
    finding.TextValue = f"Simulated finding on {len(sources)} instances; it means nothing."
    ds.ContentSequence = [finding]


def _capture(ds: Dataset, sources: Sequence[Dataset]) -> None:
    """A Secondary Capture with a bright square (PS3.3 A.8.1)."""
    ds.SOPClassUID, ds.Modality, ds.ConversionType = SecondaryCaptureImageStorage, "OT", "WSD"
    ds.ImageType = ["DERIVED", "SECONDARY"]
    ds.ReferencedSeriesSequence = _by_series(sources, "ReferencedInstanceSequence")
    ds.SourceImageSequence = [_reference(source) for source in sources]
    _pixels(ds)


def _segmentation(ds: Dataset, sources: Sequence[Dataset]) -> None:
    """What looks like a segmentation to a gateway; it has no segment, and no viewer shows it (PS3.3 A.51)."""
    ds.SOPClassUID, ds.Modality = SegmentationStorage, "SEG"
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.ContentLabel, ds.SegmentationType, ds.NumberOfFrames = "SIMULATED", "FRACTIONAL", 1
    ds.ReferencedSeriesSequence = _by_series(sources, "ReferencedInstanceSequence")
    _pixels(ds)


KINDS: dict[str, Callable[[Dataset, Sequence[Dataset]], None]] = {
    "sr": _report,
    "sc": _capture,
    "seg-like": _segmentation,
}


def _by_series(sources: Sequence[Dataset], keyword: str) -> list[Dataset]:
    by_series: dict[str, list[Dataset]] = defaultdict(list)
    for source in sources:
        by_series[source.SeriesInstanceUID].append(_reference(source))
    items = []
    for uid, references in by_series.items():
        item = Dataset()
        item.SeriesInstanceUID = uid
        setattr(item, keyword, references)
        items.append(item)
    return items


def _reference(source: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    return item


def _code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _pixels(ds: Dataset) -> None:
    samples = np.zeros((SIDE, SIDE), np.uint8)
    samples[SIDE // 4 : SIDE // 2, SIDE // 4 : SIDE // 2] = 255
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = samples.shape
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.add_new("PixelData", "OB", samples.tobytes())
