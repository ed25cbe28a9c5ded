"""Synthetic chest radiographs: the chest phantom, projected from behind and from the side (PS3.3 A.2)."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.uid import ComputedRadiographyImageStorage

from dicomnet.lab.chest import chest
from dicomnet.lab.headers import Series, Study, instance, pixels
from dicomnet.lab.space import Floats, Grid, centred, noise, softened
from dicomnet.lab.tissues import ATTENUATION, values

DESCRIPTION = "Chest PA and lateral"
ROWS, COLUMNS = 1280, 1280
PIXEL_MM = 0.28
COARSE = 3  # detector pixels per ray: the phantom has no finer detail
PROJECTIONS = (("PA", ["L", "F"], "Chest PA"), ("LL", ["P", "F"], "Chest lateral"))


def cr_instances(study: Study, count: int) -> Iterator[FileDataset]:
    """``count`` projections, PA and lateral in turn, each in a series of its own."""
    for number in range(1, count + 1):
        view, orientation, description = PROJECTIONS[(number - 1) % len(PROJECTIONS)]
        series = Series(study, number, description)
        ds = instance(series, ComputedRadiographyImageStorage, 1)
        grain = softened(noise(study.rng(number), ROWS, COLUMNS))
        exposure = _radiograph(view)
        samples = exposure + grain * (18 + 0.012 * exposure)
        pixels(ds, np.clip(np.rint(samples), 0, 4095).astype(np.uint16), bits_stored=12)
        _acquisition(ds, view, orientation)
        yield ds


@lru_cache(maxsize=2)
def _radiograph(view: str) -> Floats:
    """Sample values of one projection, without noise, bright where the body absorbs."""
    rows, columns = ROWS // COARSE + 2, COLUMNS // COARSE + 2
    ray_mm = PIXEL_MM * COARSE
    depth_mm = 2.6
    parts = []
    for z in np.array_split(centred(rows, ray_mm)[::-1], 16):
        if view == "PA":
            path = values(chest(Grid(centred(columns, ray_mm), centred(90, depth_mm), z)), ATTENUATION).sum(axis=1)
        else:
            path = values(chest(Grid(centred(140, depth_mm), centred(columns, ray_mm), z)), ATTENUATION).sum(axis=2)
        parts.append(path * depth_mm)
    attenuation = _enlarged(softened(np.vstack(parts)))
    # Scatter and the plate's processing press the range together; wide structures are evened out most.
    tone = (attenuation / np.percentile(attenuation, 99.5)) ** 0.8
    return (150 + 3200 * tone).astype(np.float32)


def _enlarged(plane: Floats) -> Floats:
    """Bilinear enlargement from rays to detector pixels."""
    for axis, size in enumerate((ROWS, COLUMNS)):
        places = np.arange(size, dtype=np.float32) / COARSE + 0.5
        below = places.astype(np.intp)
        weight = (places - below).astype(np.float32).reshape((-1, 1) if axis == 0 else (1, -1))
        lower, upper = plane.take(below, axis=axis), plane.take(below + 1, axis=axis)
        plane = lower + weight * (upper - lower)
    return plane


def _acquisition(ds: FileDataset, view: str, orientation: list[str]) -> None:
    """CR Series and CR Image modules (PS3.3 C.8.1.1, C.8.1.2), and the window."""
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.ViewPosition = view
    ds.PatientOrientation = orientation
    ds.AcquisitionNumber = 1
    ds.KVP = "125"
    ds.PlateType = "Storage phosphor"
    ds.ImagerPixelSpacing = [f"{PIXEL_MM:.3f}"] * 2
    ds.DistanceSourceToDetector = "1800"
    ds.ExposureTime, ds.XRayTubeCurrent, ds.Exposure = 10, 250, 3
    ds.WindowCenter, ds.WindowWidth = "1900", "3000"
