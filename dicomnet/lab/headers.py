"""The attributes that all phantoms share, module by module (PS3.3 C.7)."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from dicomnet.lab.people import Person, physician
from dicomnet.lab.uids import lab_uid
from dicomnet.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME


@dataclass(frozen=True)
class Study:
    """What every instance of one synthetic study agrees on."""

    seed: int
    number: int
    person: Person
    began_at: datetime
    modality: str
    description: str
    body_part: str

    def uid(self, *parts: str | int) -> UID:
        """A UID within this study; the same parts give the same UID."""
        return lab_uid(self.seed, self.number, *parts)

    def rng(self, *parts: int) -> np.random.Generator:
        """Random numbers that follow from the seed, the study and these parts alone."""
        return np.random.default_rng([self.seed, self.number, *parts])


@dataclass(frozen=True)
class Series:
    """One series of a study, with the equipment's part."""

    study: Study
    number: int
    description: str
    protocol: str = ""

    @property
    def began_at(self) -> datetime:
        """Local time; series follow each other by three minutes."""
        return self.study.began_at + timedelta(minutes=3 * self.number)


def instance(series: Series, sop_class_uid: UID, number: int) -> FileDataset:
    """A new instance with File Meta Information, Patient, General Study, General Series and General Equipment."""
    study = series.study
    sop_instance_uid = study.uid(series.number, number)
    ds = FileDataset("", Dataset(), file_meta=_file_meta(sop_class_uid, sop_instance_uid), preamble=b"\0" * 128)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class_uid
    ds.SOPInstanceUID = sop_instance_uid
    _patient_and_study(ds, study)
    ds.Modality = study.modality
    ds.SeriesInstanceUID = study.uid(series.number)
    ds.SeriesNumber = series.number
    ds.SeriesDescription = series.description
    ds.ProtocolName = series.protocol or series.description
    ds.BodyPartExamined = study.body_part
    ds.SeriesDate, ds.SeriesTime = _date_and_time(series.began_at)
    taken_at = series.began_at + timedelta(milliseconds=400 * number)
    ds.AcquisitionDate, ds.AcquisitionTime = _date_and_time(taken_at)
    ds.ContentDate, ds.ContentTime = _date_and_time(taken_at)
    ds.Manufacturer = "Gantry lab"
    ds.ManufacturerModelName = f"{study.modality} phantom"
    ds.DeviceSerialNumber = "LAB"
    ds.SoftwareVersions = IMPLEMENTATION_VERSION_NAME
    ds.StationName = f"LAB{study.modality}"
    ds.InstitutionName = "Gantry lab"
    ds.InstanceNumber = number
    return ds


def _file_meta(sop_class_uid: UID, sop_instance_uid: UID) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\0\1"
    meta.MediaStorageSOPClassUID = sop_class_uid
    meta.MediaStorageSOPInstanceUID = sop_instance_uid
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta


def _patient_and_study(ds: Dataset, study: Study) -> None:
    person = study.person
    ds.PatientName = person.patient_name
    ds.PatientID = person.patient_id
    ds.PatientBirthDate = person.birth_date.strftime("%Y%m%d")
    ds.PatientSex = person.sex
    ds.PatientAge = person.age_on(study.began_at.date())
    ds.StudyInstanceUID = study.uid()
    ds.StudyDate, ds.StudyTime = _date_and_time(study.began_at)
    ds.ReferringPhysicianName = physician(study.number % 12)
    ds.StudyID = f"{study.number}"
    ds.AccessionNumber = f"LABA{study.uid()[-8:]}"
    ds.StudyDescription = study.description


def _date_and_time(moment: datetime) -> tuple[str, str]:
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")


def axial_plane(ds: Dataset, study: Study, *, spacing_mm: float, z: float, slice_mm: float) -> None:
    """Frame of Reference and Image Plane for an axial slice of a patient lying head first, supine (PS3.3 C.7.6.2)."""
    _plane(ds, study, spacing_mm, slice_mm)
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    corner = -(ds.Columns - 1) / 2 * spacing_mm, -(ds.Rows - 1) / 2 * spacing_mm
    ds.ImagePositionPatient = [f"{corner[0]:.4f}", f"{corner[1]:.4f}", f"{z:.4f}"]
    ds.SliceLocation = f"{z:.4f}"


def sagittal_plane(ds: Dataset, study: Study, *, spacing_mm: float, x: float, slice_mm: float) -> None:
    """Frame of Reference and Image Plane for a sagittal slice: rows to the back, columns to the feet."""
    _plane(ds, study, spacing_mm, slice_mm)
    ds.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]
    corner = -(ds.Columns - 1) / 2 * spacing_mm, (ds.Rows - 1) / 2 * spacing_mm
    ds.ImagePositionPatient = [f"{x:.4f}", f"{corner[0]:.4f}", f"{corner[1]:.4f}"]
    ds.SliceLocation = f"{x:.4f}"


def _plane(ds: Dataset, study: Study, spacing_mm: float, slice_mm: float) -> None:
    ds.FrameOfReferenceUID = study.uid("frame")
    ds.PositionReferenceIndicator = ""
    ds.PatientPosition = "HFS"
    ds.PixelSpacing = [f"{spacing_mm:.4f}"] * 2
    ds.SliceThickness = f"{slice_mm:.4f}"
    ds.SpacingBetweenSlices = f"{slice_mm:.4f}"


def pixels(ds: Dataset, samples: NDArray[Any], *, bits_stored: int) -> None:
    """Image Pixel module (PS3.3 C.7.6.3) for ``(rows, columns)`` or ``(frames, rows, columns[, 3])`` samples."""
    is_colour = samples.ndim == 4
    ds.SamplesPerPixel = 3 if is_colour else 1
    ds.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = samples.shape[-3:-1] if is_colour else samples.shape[-2:]
    ds.BitsAllocated = samples.dtype.itemsize * 8
    ds.BitsStored = bits_stored
    ds.HighBit = bits_stored - 1
    ds.PixelRepresentation = int(samples.dtype.kind == "i")
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "00"
    ds.add_new("PixelData", "OB" if ds.BitsAllocated == 8 else "OW", samples.tobytes())
