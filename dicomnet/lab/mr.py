"""Synthetic MR studies of the brain in several weightings (PS3.3 A.4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.uid import MRImageStorage

from dicomnet.lab.head import head
from dicomnet.lab.headers import Series, Study, axial_plane, instance, pixels, sagittal_plane
from dicomnet.lab.space import Floats, Grid, centred, noise, softened, texture
from dicomnet.lab.tissues import FLAIR, T1, T2, Tissue, values

SIDE = 256
PIXEL_MM = 0.9
DESCRIPTION = "MR brain"


@dataclass(frozen=True)
class Sequence:
    """A pulse sequence; times in milliseconds."""

    description: str
    signal: dict[Tissue, int]
    is_sagittal: bool
    scanning_sequence: str
    repetition_ms: int
    echo_ms: int
    inversion_ms: int | None
    echo_train_length: int
    flip_angle: int


SEQUENCES = (
    Sequence("T1 SE sagittal", T1, True, "SE", 520, 12, None, 1, 90),
    Sequence("T2 TSE axial", T2, False, "SE", 4200, 98, None, 15, 150),
    Sequence("FLAIR axial", FLAIR, False, "IR", 9000, 92, 2500, 16, 150),
)


def mr_instances(study: Study, count: int) -> Iterator[FileDataset]:
    """``count`` slices spread over the sequences; each series covers the brain."""
    for number, sequence in enumerate(SEQUENCES, start=1):
        slices = len(range(number - 1, count, len(SEQUENCES)))
        series = Series(study, number, sequence.description)
        for position in range(slices):
            yield _slice(series, number - 1, position, slices)


def _slice(series: Series, sequence_index: int, position: int, slices: int) -> FileDataset:
    sequence = SEQUENCES[sequence_index]
    lowest, highest = (-70, 70) if sequence.is_sagittal else (-58, 82)
    step = (highest - lowest) / slices
    place = lowest + (position + 0.5) * step
    ds = instance(series, MRImageStorage, position + 1)
    rng = series.study.rng(series.number, position)
    real, imaginary = (noise(rng, SIDE, SIDE) * 16 for _ in range(2))
    # The magnitude of a complex signal: noise is Rician, so air is not zero.
    magnitude = np.hypot(_base(sequence_index, round(place, 3)) + real, imaginary)
    pixels(ds, np.clip(np.rint(magnitude), 0, 4095).astype(np.uint16), bits_stored=12)
    if sequence.is_sagittal:
        sagittal_plane(ds, series.study, spacing_mm=PIXEL_MM, x=place, slice_mm=step)
    else:
        axial_plane(ds, series.study, spacing_mm=PIXEL_MM, z=place, slice_mm=step)
    _acquisition(ds, sequence)
    return ds


@lru_cache(maxsize=192)
def _base(sequence_index: int, place: float) -> Floats:
    sequence = SEQUENCES[sequence_index]
    axis, here = centred(SIDE, PIXEL_MM), np.array([place], dtype=np.float32)
    # Twice the samples across, then their mean: the partial volume of a coarse matrix.
    fine = centred(SIDE * 2, PIXEL_MM / 2)
    grid = Grid(here, fine, fine[::-1]) if sequence.is_sagittal else Grid(fine, fine, here)
    labels = head(grid)
    plane = labels[:, :, 0] if sequence.is_sagittal else labels[0]
    signal = values(plane, sequence.signal).reshape(SIDE, 2, SIDE, 2).mean(axis=(1, 3))
    lumps = texture(Grid(axis, axis, here), name=31, scale_mm=70)[0]
    signal_at_coil: Floats = softened(signal) * (1 + 0.05 * lumps)
    return signal_at_coil


def _acquisition(ds: FileDataset, sequence: Sequence) -> None:
    """MR Image module (PS3.3 C.8.3.1) and the window."""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
    ds.ScanningSequence = sequence.scanning_sequence
    ds.SequenceVariant = "SK" if sequence.echo_train_length > 1 else "NONE"
    ds.ScanOptions = ""
    ds.MRAcquisitionType = "2D"
    ds.RepetitionTime = str(sequence.repetition_ms)
    ds.EchoTime = str(sequence.echo_ms)
    ds.EchoTrainLength = sequence.echo_train_length
    if sequence.inversion_ms is not None:
        ds.InversionTime = str(sequence.inversion_ms)
    ds.FlipAngle = str(sequence.flip_angle)
    ds.NumberOfAverages = "1"
    ds.MagneticFieldStrength = "1.5"
    ds.ImagedNucleus = "1H"
    ds.AcquisitionNumber = 1
    peak = max(sequence.signal[tissue] for tissue in (Tissue.GRAY, Tissue.WHITE, Tissue.EDEMA, Tissue.CSF))
    ds.WindowCenter, ds.WindowWidth = str(round(peak * 0.55)), str(round(peak * 1.1))
