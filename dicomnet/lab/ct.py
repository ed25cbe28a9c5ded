"""Synthetic CT studies: a head without and a chest with contrast agent (PS3.3 A.3)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.uid import CTImageStorage

from dicomnet.lab.chest import chest, table
from dicomnet.lab.head import head, headrest
from dicomnet.lab.headers import Series, Study, axial_plane, instance, pixels
from dicomnet.lab.space import Floats, Grid, centred, noise, softened, texture
from dicomnet.lab.tissues import HOUNSFIELD, Labels, values

SIDE = 512


@dataclass(frozen=True)
class Kernel:
    """How a series is reconstructed, and the window in which it is read."""

    description: str
    name: str
    noise_hounsfield: float
    is_sharp: bool
    window: tuple[int, int]


@dataclass(frozen=True)
class Protocol:
    """An examination: what is scanned, from where to where (millimetres), and its series."""

    description: str
    body_part: str
    pixel_mm: float
    lowest_mm: float
    highest_mm: float
    kernels: tuple[Kernel, ...]
    is_contrast: bool


PROTOCOLS = {
    "head": Protocol(
        "CT head without contrast", "HEAD", 0.47, -62, 84,
        (Kernel("Head soft tissue", "H31s", 4.5, False, (38, 85)), Kernel("Head bone", "H70h", 35, True, (600, 2800))),
        is_contrast=False,
    ),
    "chest": Protocol(
        "CT chest with contrast", "CHEST", 0.78, -120, 130,
        (
            Kernel("Chest mediastinum", "B31f", 11, False, (50, 400)),
            Kernel("Chest lung", "B70f", 34, True, (-550, 1500)),
        ),
        is_contrast=True,
    ),
}  # fmt: skip
_BODIES: dict[str, tuple[Callable[[Grid], Labels], Callable[[Labels, Grid], None]]] = {
    "head": (head, headrest),
    "chest": (chest, table),
}


def ct_instances(study: Study, count: int, *, region: str) -> Iterator[FileDataset]:
    """``count`` slices, in as many series as the protocol has; each series covers the region."""
    protocol = PROTOCOLS[region]
    for number, kernel in enumerate(protocol.kernels, start=1):
        slices = len(range(number - 1, count, len(protocol.kernels)))
        series = Series(study, number, kernel.description, protocol.description)
        for position in range(slices):
            yield _slice(series, kernel, region, position, slices)


def _slice(series: Series, kernel: Kernel, region: str, position: int, slices: int) -> FileDataset:
    protocol = PROTOCOLS[region]
    step = (protocol.highest_mm - protocol.lowest_mm) / slices
    z = protocol.lowest_mm + (position + 0.5) * step
    ds = instance(series, CTImageStorage, position + 1)
    base = _base(region, round(z, 3), kernel.is_sharp)
    grain = noise(series.study.rng(series.number, position), SIDE, SIDE)
    grain = grain if kernel.is_sharp else softened(grain) * 2.2
    hounsfield = base + grain * kernel.noise_hounsfield
    pixels(ds, np.clip(np.rint(hounsfield), -1024, 3071).astype(np.int16), bits_stored=16)
    axial_plane(ds, series.study, spacing_mm=protocol.pixel_mm, z=z, slice_mm=step)
    _acquisition(ds, kernel, protocol)
    return ds


@lru_cache(maxsize=160)
def _base(region: str, z: float, is_sharp: bool) -> Floats:
    """The slice without its noise; every study of the lab shows the same body."""
    protocol = PROTOCOLS[region]
    axis = centred(SIDE, protocol.pixel_mm)
    grid = Grid(axis, axis, np.array([z], dtype=np.float32))
    body, support = _BODIES[region]
    labels = body(grid)
    support(labels, grid)
    plane = values(labels[0], HOUNSFIELD)
    # Tissue is not even: a slow change of a few HU, which air does not show.
    plane += np.where(plane > -900, texture(grid, name=31, scale_mm=14)[0] * 3, 0).astype(np.float32)
    return softened(plane) if is_sharp else softened(softened(plane))


def _acquisition(ds: FileDataset, kernel: Kernel, protocol: Protocol) -> None:
    """CT Image module (PS3.3 C.8.2.1) and the window."""
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", "1", "HU"
    ds.WindowCenter, ds.WindowWidth = (str(value) for value in kernel.window)
    ds.KVP = "120"
    ds.AcquisitionNumber = 1
    ds.ScanOptions = "HELICAL MODE"
    ds.GantryDetectorTilt = "0"
    ds.ExposureTime, ds.XRayTubeCurrent, ds.Exposure = 500, 260, 130
    ds.ConvolutionKernel = kernel.name
    ds.ReconstructionDiameter = f"{SIDE * protocol.pixel_mm:.2f}"
    if protocol.is_contrast:
        ds.ContrastBolusAgent = "Iodinated contrast agent"
