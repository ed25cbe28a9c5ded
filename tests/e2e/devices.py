"""The modalities of the fictitious hospital, and what they usually send."""

from dataclasses import dataclass

from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    MRImageStorage,
    UltrasoundImageStorage,
)


@dataclass(frozen=True)
class Device:
    """A modality and what it usually sends: description, body part, and per series a description and a count."""

    modality: str
    ae_title: str
    manufacturer: str
    sop_class: UID
    transfer_syntax: UID
    instance_bytes: int
    matrix: int
    protocols: tuple[tuple[str, str, tuple[tuple[str, int], ...]], ...]


CT = Device(
    "CT",
    "CT_ROOM1",
    "Acme Tomo",
    CTImageStorage,
    ExplicitVRLittleEndian,
    526_336,
    512,
    (
        ("CT Thorax with contrast", "CHEST", (("Scout", 2), ("Thorax 1.0 B70", 96), ("Thorax 3.0 B30", 42))),
        ("CT Abdomen", "ABDOMEN", (("Scout", 2), ("Abdomen 3.0 portal venous", 74))),
        ("CT Head plain", "HEAD", (("Scout", 1), ("Head 4.0 H31", 38), ("Head 1.0 bone", 88))),
    ),
)
MR = Device(
    "MR",
    "MR_NORTH",
    "Acme Resonance",
    MRImageStorage,
    ExplicitVRLittleEndian,
    133_120,
    256,
    (
        ("MR Knee left", "KNEE", (("PD fs sag", 28), ("T1 cor", 24), ("T2 tra", 30))),
        ("MR Brain", "HEAD", (("T1 mprage", 160), ("T2 flair", 36), ("DWI b1000", 44))),
    ),
)
CR = Device(
    "CR",
    "CR_ER",
    "Acme Radiography",
    ComputedRadiographyImageStorage,
    JPEG2000Lossless,
    7_340_032,
    2370,
    (
        ("Chest PA and lateral", "CHEST", (("PA", 1), ("Lateral", 1))),
        ("Hand right", "HAND", (("Hand ap", 1), ("Hand oblique", 1))),
    ),
)
US = Device(
    "US",
    "US_WARD3",
    "Acme Sonography",
    UltrasoundImageStorage,
    JPEGBaseline8Bit,
    262_144,
    1024,
    (
        ("US Abdomen", "ABDOMEN", (("Abdomen", 14),)),
        ("US Thyroid", "NECK", (("Thyroid", 9),)),
    ),
)
DEVICES = (CT, CT, CT, MR, MR, CR, CR, CR, US)
