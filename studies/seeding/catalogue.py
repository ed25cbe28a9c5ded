"""What a hospital does all day: kinds of examination, how often, of whom, and how large they are."""

from dataclasses import dataclass

from pydicom import uid

MAMMOGRAPHY_FROM, CHILDBEARING = 40, range(18, 46)  # years


@dataclass(frozen=True)
class Shape:
    """The series of one modality.

    Attributes:
        instances: least and most of a series, before the bound on a study.
        size_bytes: of one instance's file.
        pixels: rows and columns; None where there is no picture.
    """

    modality: str
    sop_class_uid: str
    instances: tuple[int, int]
    size_bytes: int
    pixels: tuple[int, int] | None
    manufacturer: str


@dataclass(frozen=True)
class Examination:
    """One kind of study.

    Attributes:
        weight: how often, beside the others.
        series: least and most.
        descriptions: of the study, with the body part.
        series_descriptions: in turn.
        further: shapes of which a series comes on top.
        stations: how many devices a site has for it.
        is_urgent: also done at night and on weekends.
    """

    shape: Shape
    weight: float
    series: tuple[int, int]
    descriptions: tuple[tuple[str, str], ...]
    series_descriptions: tuple[str, ...]
    further: tuple[Shape, ...] = ()
    stations: int = 1
    is_urgent: bool = False


CT = Shape("CT", uid.CTImageStorage, (40, 400), 526_000, (512, 512), "Fictitious Tomography")
MR = Shape("MR", uid.MRImageStorage, (20, 120), 133_000, (256, 256), "Fictitious Resonance")
CR = Shape("CR", uid.ComputedRadiographyImageStorage, (1, 1), 8_400_000, (2048, 2048), "Fictitious Rays")
DX = Shape("DX", uid.DigitalXRayImageStorageForPresentation, (1, 1), 14_000_000, (2800, 2400), "Fictitious Rays")
US = Shape("US", uid.UltrasoundImageStorage, (6, 30), 920_000, (640, 480), "Fictitious Sound")
MAMMOGRAPHY = uid.DigitalMammographyXRayImageStorageForPresentation
MG = Shape("MG", MAMMOGRAPHY, (1, 1), 27_000_000, (4096, 3328), "Fictitious Rays")
XA = Shape("XA", uid.XRayAngiographicImageStorage, (1, 4), 31_000_000, (1024, 1024), "Fictitious Vessels")
RF = Shape("RF", uid.XRayRadiofluoroscopicImageStorage, (1, 6), 16_000_000, (1024, 1024), "Fictitious Rays")
NM = Shape("NM", uid.NuclearMedicineImageStorage, (1, 3), 1_100_000, (256, 256), "Fictitious Isotopes")
PT = Shape("PT", uid.PositronEmissionTomographyImageStorage, (150, 300), 68_000, (168, 168), "Fictitious Isotopes")
DOSE = Shape("SR", uid.XRayRadiationDoseSRStorage, (1, 1), 24_000, None, "Fictitious Tomography")
MEASUREMENTS = Shape("SR", uid.ComprehensiveSRStorage, (1, 1), 31_000, None, "Fictitious Sound")

EXAMINATIONS = (
    Examination(
        DX, 26, (1, 2),
        (("XR Chest PA and lateral", "CHEST"), ("XR Knee 2 views", "KNEE"), ("XR Hand", "HAND"), ("XR Ankle", "ANKLE"),
         ("XR Pelvis", "PELVIS"), ("XR Shoulder", "SHOULDER"), ("XR Lumbar spine", "LSPINE")),
        ("PA", "LATERAL"), stations=3, is_urgent=True,
    ),
    Examination(
        CR, 7, (1, 1), (("XR Chest portable", "CHEST"), ("XR Abdomen supine", "ABDOMEN")), ("AP",), stations=2,
        is_urgent=True,
    ),
    Examination(
        CT, 20, (2, 4),
        (("CT Head without contrast", "HEAD"), ("CT Chest with contrast", "CHEST"), ("CT Sinuses", "HEAD"),
         ("CT Abdomen and pelvis", "ABDOMEN"), ("CT Pulmonary angiography", "CHEST"), ("CT Cervical spine", "CSPINE")),
        ("Scout", "Axial 5 mm", "Axial 1 mm bone", "Coronal 3 mm"), (DOSE,), stations=2, is_urgent=True,
    ),
    Examination(
        MR, 14, (4, 7),
        (("MR Brain", "BRAIN"), ("MR Lumbar spine", "LSPINE"), ("MR Knee", "KNEE"), ("MR Shoulder", "SHOULDER"),
         ("MR Liver with contrast", "LIVER"), ("MR Prostate", "PROSTATE")),
        ("Localizer", "T1 sag", "T2 ax", "FLAIR ax", "DWI", "T1 ax post", "T2 cor"), stations=2,
    ),
    Examination(
        US, 17, (1, 1),
        (("US Abdomen", "ABDOMEN"), ("US Thyroid", "NECK"), ("US Carotid Doppler", "NECK"), ("US Renal", "KIDNEY"),
         ("US Venous Doppler leg", "LEG")),
        ("Images",), (MEASUREMENTS,), stations=3,
    ),
    Examination(
        MG, 7, (4, 4), (("MG Screening bilateral", "BREAST"), ("MG Diagnostic bilateral", "BREAST")),
        ("R CC", "L CC", "R MLO", "L MLO"), stations=1,
    ),
    Examination(
        XA, 3, (2, 5), (("XA Coronary angiography", "HEART"), ("XA Peripheral intervention", "LEG")), ("Run",),
        (DOSE,), is_urgent=True,
    ),
    Examination(RF, 2, (1, 3), (("RF Barium swallow", "CHEST"), ("RF Joint injection", "HIP")), ("Fluoroscopy",)),
    Examination(NM, 2, (1, 2), (("NM Bone scan", "WHOLEBODY"), ("NM Thyroid", "NECK")), ("Planar", "Static")),
    Examination(PT, 2, (1, 2), (("PET/CT whole body", "WHOLEBODY"),), ("PET AC", "PET NAC"), (CT,)),
)  # fmt: skip
OBSTETRIC = Examination(
    US, 6, (1, 1), (("US Obstetric 2nd trimester", "UTERUS"), ("US Obstetric 3rd trimester", "UTERUS")), ("Images",),
    (MEASUREMENTS,), stations=3,
)  # fmt: skip
SITES = (("NORTH", "Seed Hospital North", 5), ("SOUTH", "Seed Hospital South", 3), ("CLIN", "Seed Clinic West", 1))


def possible(sex: str, years: int) -> list[Examination]:
    """Kinds that a person of this sex and age may have."""
    found = [each for each in EXAMINATIONS if each.shape is not MG or (sex == "F" and years >= MAMMOGRAPHY_FROM)]
    return [*found, OBSTETRIC] if sex == "F" and years in CHILDBEARING else found
