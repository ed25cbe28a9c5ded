"""Synthetic instances to measure with: the same for every receiver, valid, seeded, and each with a UID of its own."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    DigitalMammographyXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
    MRImageStorage,
)

ROOT = "2.25.4711"


@dataclass(frozen=True)
class Kind:
    """What one kind of object looks like.

    Attributes:
        number: tells its UIDs from those of other kinds.
        rows, columns: pixels of 16 bits.
        per_study: instances in one study, which is one series.
    """

    name: str
    number: int
    sop_class_uid: UID
    modality: str
    rows: int
    columns: int
    per_study: int


KINDS = {
    kind.name: kind
    for kind in (
        Kind("ct", 1, CTImageStorage, "CT", 512, 512, 32),
        Kind("mr", 2, MRImageStorage, "MR", 256, 256, 32),
        Kind("mg", 3, DigitalMammographyXRayImageStorageForPresentation, "MG", 4096, 3584, 4),
        Kind("big", 4, CTImageStorage, "CT", 16384, 8192, 1),
        Kind("journey", 6, CTImageStorage, "CT", 512, 512, 40),
        Kind("tiny", 5, CTImageStorage, "CT", 16, 16, 1),
        Kind("retrieve", 7, CTImageStorage, "CT", 512, 512, 500),
        Kind("series", 8, CTImageStorage, "CT", 512, 512, 500),
        Kind("stack", 9, CTImageStorage, "CT", 512, 512, 500),
    )
}


def write_instances(folder: Path, kind: Kind, count: int) -> list[Path]:
    """Part 10 files in Explicit VR Little Endian."""
    folder.mkdir(parents=True, exist_ok=True)
    # A few bodies, used in turn: to write them is cheap, and noise does not compress.
    noise = np.random.default_rng(kind.number)
    bodies = [
        noise.integers(0, 4096, kind.rows * kind.columns, dtype=np.uint16).tobytes() for _ in range(min(4, count))
    ]
    paths = []
    for number in range(count):
        path = folder / f"{kind.name}{number:05d}.dcm"
        dataset(kind, number, bodies[number % len(bodies)]).save_as(path, enforce_file_format=True)
        paths.append(path)
    return paths


def dataset(kind: Kind, number: int, pixels: bytes) -> Dataset:
    """One instance with the attributes that an archive indexes."""
    study, position = divmod(number, kind.per_study)
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.SOPClassUID = kind.sop_class_uid
    ds.StudyInstanceUID = f"{ROOT}.{kind.number}.{study + 1}"
    ds.SeriesInstanceUID = f"{ds.StudyInstanceUID}.1"
    ds.SOPInstanceUID = f"{ds.SeriesInstanceUID}.{position + 1}"
    ds.StudyDate = ds.SeriesDate = "20260102"
    ds.StudyTime = ds.SeriesTime = "030405"
    ds.AccessionNumber = f"BENCH{kind.number}{study:06d}"
    ds.Modality, ds.Manufacturer, ds.InstitutionName = kind.modality, "BENCH", "Synthetic Hospital"
    ds.ReferringPhysicianName, ds.StationName = "SYNTHETIC^REFERRER", f"{kind.modality}01"
    ds.StudyDescription, ds.SeriesDescription = "BENCHMARK", f"{kind.modality} SERIES"
    ds.PatientName, ds.PatientID = f"SYNTHETIC^BENCH{study}", f"BENCH{kind.number}{study:06d}"
    ds.PatientBirthDate, ds.PatientSex = "19700101", "O"
    ds.BodyPartExamined, ds.ProtocolName = "CHEST", "ROUTINE"
    ds.StudyID, ds.SeriesNumber, ds.InstanceNumber = str(study), 1, position + 1
    ds.FrameOfReferenceUID = f"{ds.StudyInstanceUID}.0"
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = kind.rows, kind.columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = pixels
    ds["PixelData"].VR = "OW"
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return ds
