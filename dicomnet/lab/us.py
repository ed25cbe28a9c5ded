"""Synthetic ultrasound loops: a beating left ventricle in a sector, in gray and with colour Doppler (PS3.3 A.7)."""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import UltrasoundMultiFrameImageStorage

from dicomnet.lab.headers import Series, Study, instance, pixels
from dicomnet.lab.space import Floats

DESCRIPTION = "Echocardiography"
ROWS, COLUMNS, FRAMES = 480, 640, 24
FRAME_TIME_MS = 41.7
DEPTH_MM = 160.0
PIXEL_MM = DEPTH_MM / 450
BEAMS, SAMPLES = 160, 450
HALF_ANGLE = 0.72
Bytes = NDArray[np.uint8]


def us_instances(study: Study, count: int) -> Iterator[FileDataset]:
    """``count`` loops, gray and colour Doppler in turn, a series for each kind."""
    for position in range(count):
        is_colour = position % 2 == 1
        series = Series(study, 2 if is_colour else 1, "Four chamber colour" if is_colour else "Four chamber")
        ds = instance(series, UltrasoundMultiFrameImageStorage, position // 2 + 1)
        loop = _loop(study.rng(position))
        pixels(ds, _with_flow(loop) if is_colour else loop, bits_stored=8)
        _acquisition(ds, is_colour=is_colour)
        yield ds


def _loop(rng: np.random.Generator) -> Bytes:
    """``(frames, rows, columns)``: speckle that moves with the walls, scan-converted to a sector."""
    real, imaginary = (_smeared(rng.standard_normal((SAMPLES, BEAMS), dtype=np.float32)) for _ in range(2))
    speckle = np.hypot(real, imaginary)
    beam, sample, inside = _sector()
    frames = np.zeros((FRAMES, ROWS, COLUMNS), dtype=np.uint8)
    for number in range(FRAMES):
        squeeze = _squeeze(number)
        moving = np.roll(speckle, round(10 * squeeze), axis=0)
        echo = np.maximum(moving * _echogenicity(squeeze), 1e-4)
        decibel = np.clip(150 + 68 * np.log10(echo), 0, 255)
        frames[number][inside] = decibel[sample[inside], beam[inside]].astype(np.uint8)
    return frames


def _squeeze(number: int) -> float:
    """0 in diastole, 1 at the end of systole; one beat per loop, so that it repeats without a jump."""
    return float((1 - np.cos(2 * np.pi * number / FRAMES)) / 2)


def _smeared(field: Floats) -> Floats:
    """A pulse longer than deep: speckle grains lie across the beam."""
    wide = field + np.roll(field, 1, 1) + np.roll(field, -1, 1)
    return (wide + np.roll(wide, 1, 0) + 0.6 * np.roll(wide, 2, 0)) / 4


@lru_cache(maxsize=1)
def _sector() -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Beam and sample index for each pixel, and which pixels lie in the sector."""
    row, column = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    down, across = row - 12, column - (COLUMNS - 1) / 2
    radius, angle = np.hypot(down, across), np.arctan2(across, down)
    inside = (radius >= 8) & (radius < SAMPLES) & (np.abs(angle) < HALF_ANGLE)
    beam = np.clip((angle + HALF_ANGLE) / (2 * HALF_ANGLE) * (BEAMS - 1), 0, BEAMS - 1).astype(np.intp)
    return beam, np.clip(radius, 0, SAMPLES - 1).astype(np.intp), inside


def _echogenicity(squeeze: float) -> Floats:
    """How strongly each place along each beam scatters: chambers are dark, walls and valves bright."""
    radius, angle = np.mgrid[0:SAMPLES, 0:BEAMS].astype(np.float32)
    angle = (angle / (BEAMS - 1) * 2 - 1) * HALF_ANGLE
    x, y = radius * np.sin(angle), radius * np.cos(angle)
    tissue = np.full((SAMPLES, BEAMS), 0.16, dtype=np.float32)
    heart = np.hypot((x - 5) / 165, (y - 250) / 185)
    tissue[heart < 1.04] = 1.5
    tissue[heart < 1.0] = 0.55
    shrink = 1 - 0.26 * squeeze
    for cx, cy, rx, ry in ((52, 175, 50 * shrink, 92 * shrink), (-58, 190, 36 * shrink, 74 * shrink),
                           (50, 350, 44 / shrink**0.3, 48), (-54, 345, 42 / shrink**0.3, 46)):  # fmt: skip
        chamber = np.hypot((x - cx) / rx, (y - cy) / ry)
        tissue[chamber < 1.07] = 1.25
        tissue[chamber < 1.0] = 0.008
    opening = 1 - squeeze
    for cx, cy, half in ((52, 282, 40), (-56, 280, 34)):
        leaf = cy - 46 * opening * (1 - np.abs(x - cx) / half)
        on_leaf = (np.abs(y - leaf) < 4) & (np.abs(x - cx) < half) & (np.abs(x - cx) > 5 + 18 * opening)
        tissue[on_leaf] = 2.2
    near = np.exp(-radius / 14) * 2.5
    strength: Floats = (tissue + near) * np.exp(-radius / 520) * np.cos(angle * 0.9)
    return strength


def _with_flow(loop: Bytes) -> NDArray[np.uint8]:
    """``(frames, rows, columns, 3)``: the loop, inflow red in diastole and a blue jet in systole over it."""
    colour = np.repeat(loop[..., None], 3, axis=-1)
    row, column = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    x, y = column - (COLUMNS - 1) / 2, row - 12
    for number in range(FRAMES):
        squeeze = _squeeze(number)
        for cx, cy, rx, ry, is_towards, strength in (
            (52, 240, 24, 78, True, 1 - 1.6 * squeeze),
            (50, 330, 18, 60, False, 1.6 * squeeze - 0.6),
        ):
            jet = np.clip(1.15 - np.hypot((x - cx) / rx, (y - cy) / ry), 0, 1) * max(strength, 0)
            fast = np.clip(jet * 1.5, 0, 1)
            bright, white, dark = 70 + 185 * fast, 190 * fast**2, np.full_like(fast, 12)
            tint = (bright, white, dark) if is_towards else (dark, white, bright)
            shown = jet > 0.12
            colour[number][shown] = np.stack(tint, axis=-1)[shown].astype(np.uint8)
    return colour


def _acquisition(ds: FileDataset, *, is_colour: bool) -> None:
    """Cine, Multi-frame, US Region Calibration and US Image modules (PS3.3 C.7.6.5, C.7.6.6, C.8.5.5, C.8.5.6)."""
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.PatientOrientation = ""
    ds.NumberOfFrames = FRAMES
    ds.FrameIncrementPointer = 0x00181063
    ds.FrameTime = f"{FRAME_TIME_MS:.1f}"
    ds.CineRate = ds.RecommendedDisplayFrameRate = round(1000 / FRAME_TIME_MS)
    ds.UltrasoundColorDataPresent = int(is_colour)
    ds.TransducerType = "SECTOR_PHASED"
    ds.HeartRate = round(60_000 / (FRAMES * FRAME_TIME_MS))
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType, region.RegionFlags = 1, 2 if is_colour else 1, 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 0, 0
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = COLUMNS - 1, ROWS - 1
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = PIXEL_MM / 10
    ds.SequenceOfUltrasoundRegions = [region]
