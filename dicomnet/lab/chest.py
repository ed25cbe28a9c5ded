"""A chest of simple solids: lungs with vessels, heart, aorta, spine, ribs, liver, and one nodule."""

import numpy as np

from dicomnet.lab.space import Floats, Grid, texture
from dicomnet.lab.tissues import Labels, Mask, Tissue, paint


def chest(grid: Grid) -> Labels:
    """Tissue labels of a chest whose middle is the origin, ``(slices, rows, columns) uint8``; z from -150 to 150."""
    x, y, z = grid.axes()
    labels = np.zeros(grid.shape, dtype=np.uint8)
    shoulder = 1 + 0.10 * np.clip((z - 70) / 80, 0, 1)
    wall = (np.abs(x / (168 * shoulder)) ** 2.4 + np.abs((y + 2) / 112) ** 2.4) ** (1 / 2.4)
    for limit, tissue in ((1.0, Tissue.SKIN), (0.985, Tissue.FAT), (0.91, Tissue.MUSCLE)):
        paint(labels, tissue, wall < limit)
    cavity = (x / 128) ** 2 + ((y + 4) / 88) ** 2
    _lungs(labels, grid, cavity)
    _abdomen(labels, grid, cavity)
    _mediastinum(labels, x, y, z)
    _ribs(labels, x, y, z)
    _spine(labels, x, y, z)
    return labels


def table(labels: Labels, grid: Grid) -> None:
    """Lay the patient on the table of a CT scanner."""
    x, y, _ = grid.axes()
    top = 117 - 0.0007 * x**2
    paint(labels, Tissue.TABLE, (y > top) & (y < top + 5) & (np.abs(x) < 175) & (labels == Tissue.AIR))


def _lungs(labels: Labels, grid: Grid, cavity: Floats) -> None:
    x, y, z = grid.axes()
    apex = np.clip((150 - z) / 240, 0, 1) ** 0.55
    shape = ((np.abs(x) - 66) / 57) ** 2 + ((y - 3) / 82) ** 2
    lung = (shape < apex) & (cavity < 0.97) & ~_diaphragm(x, y, z)
    paint(labels, Tissue.LUNG, lung)
    hilum = np.sqrt((np.abs(x) - 25) ** 2 + (y - 5) ** 2 + (0.7 * (z + 5)) ** 2)
    branches = texture(grid, name=21, scale_mm=9)
    paint(labels, Tissue.VESSEL, lung & (branches > 1.25 + hilum / 80))
    twigs = texture(grid, name=22, scale_mm=4)
    paint(labels, Tissue.VESSEL, lung & (twigs > 1.55 + hilum / 170))
    paint(labels, Tissue.LESION, (x + 82) ** 2 + (y + 12) ** 2 + (z - 38) ** 2 < 9**2)


def _diaphragm(x: Floats, y: Floats, z: Floats) -> Mask:
    """Below the two domes, the right one (liver) the higher."""
    height = np.where(x < 0, -62, -76)
    dome = height - 0.011 * (np.abs(x) - 58) ** 2 - np.where(y > 0, 0.009, 0.003) * y**2
    return z < dome


def _abdomen(labels: Labels, grid: Grid, cavity: Floats) -> None:
    x, y, z = grid.axes()
    below = _diaphragm(x, y, z) & (cavity < 0.95)
    if not below.any():
        return
    paint(labels, Tissue.FAT, below)
    liver = below & (x < 45 - 0.5 * (y + 40)) & (cavity < 0.91)
    paint(labels, Tissue.LIVER, liver)
    paint(labels, Tissue.BLOOD, liver & (texture(grid, name=21, scale_mm=13) > 1.9))
    paint(labels, Tissue.LIVER, below & (((x - 95) / 25) ** 2 + ((y - 35) / 42) ** 2 < 1))
    stomach = ((x - 62) / 34) ** 2 + ((y + 15) / 40) ** 2 + ((z + 112) / 38) ** 2
    paint(labels, Tissue.MUSCLE, below & (stomach < 1))
    paint(labels, Tissue.AIR, below & (stomach < 0.8) & (y < -25))


def _mediastinum(labels: Labels, x: Floats, y: Floats, z: Floats) -> None:
    """Heart with its chambers, great vessels, trachea and main bronchi."""
    paint(labels, Tissue.FAT, (np.abs(x) < 24 - 0.12 * np.abs(y)) & (np.abs(y) < 70) & (labels == Tissue.LUNG))
    along = 0.80 * (x - 16) - 0.52 * (y + 25) - 0.30 * (z + 48)
    across = 0.52 * (x - 16) + 0.85 * (y + 25)
    upward = 0.30 * (x - 16) + 0.95 * (z + 48)
    heart = (along / 62) ** 2 + (across / 46) ** 2 + (upward / 50) ** 2
    paint(labels, Tissue.MUSCLE, heart < 1)
    for ca, cc, ra, rc in ((14, 10, 30, 17), (10, -20, 32, 13), (-34, 14, 17, 18), (-32, -16, 16, 15)):
        where = ((along - ca) / ra) ** 2 + ((across - cc) / rc) ** 2 + ((upward + 2) / 30) ** 2 < 1
        paint(labels, Tissue.BLOOD, where)
    _tube(labels, Tissue.BLOOD, x - 20, y - 40, 11, z < 52)
    _tube(labels, Tissue.BLOOD, x + 8, y + 18, 14, (z > -35) & (z < 52))
    _tube(labels, Tissue.BLOOD, x - 12, y + 28, 13, (z > -25) & (z < 18))
    _tube(labels, Tissue.BLOOD, x + 28, y + 10, 8, z > -30)
    t = np.clip((y + 18) / 58, 0, 1)
    arch = np.sqrt((x + 8 - 28 * t) ** 2 + (z - 52 - 26 * t * (1 - t)) ** 2)
    paint(labels, Tissue.BLOOD, (arch < 12) & (y > -24) & (y < 46))
    pulmonary = np.sqrt((y - 0.004 * x**2 + 8) ** 2 + (z - 8 + 0.012 * x**2) ** 2)
    paint(labels, Tissue.BLOOD, (pulmonary < 10 - 0.06 * np.abs(x)) & (np.abs(x) < 62))
    for s in (-1.0, 1.0):
        centre = s * np.clip((22 - z) * 0.85, 0, 60)
        _tube(labels, Tissue.FAT, x - centre, y - 12, 8, (z > -30) & (z < 22))
        _tube(labels, Tissue.AIR, x - centre, y - 12, 6.5, (z > -30) & (z < 22))
    _tube(labels, Tissue.MUSCLE, x, y - 12, 10.5, z > 18)
    _tube(labels, Tissue.AIR, x, y - 12, 8.5, z > 16)


def _tube(labels: Labels, tissue: Tissue, dx: Floats, dy: Floats, radius: float, where: Mask) -> None:
    paint(labels, tissue, (dx**2 + dy**2 < radius**2) & where)


def _ribs(labels: Labels, x: Floats, y: Floats, z: Floats) -> None:
    """Twelve pairs on an ellipsoid that narrows upwards, falling to the front; sternum, clavicles, shoulder blades."""
    taper = np.clip((175 - z) / 130, 0.35, 1) ** 0.35
    shell = np.sqrt((x / (135 * taper)) ** 2 + ((y + 4) / (94 * taper)) ** 2)
    phase = (z - 0.62 * y + 0.10 * np.abs(x)) / 25
    middle = np.abs(phase - np.round(phase)) * 25
    is_costal = (np.abs(x) > np.where(y < 0, 42, 16)) & (labels > 0)
    rib = (np.abs(shell - 0.97) < 0.042) & (middle < 6.5) & is_costal
    paint(labels, Tissue.BONE, rib)
    paint(labels, Tissue.MARROW, rib & (np.abs(shell - 0.97) < 0.018) & (middle < 4))
    sternum = (np.abs(x) < 17) & (np.abs(y + 92) < 6) & (z > -50) & (z < 95)
    paint(labels, Tissue.BONE, sternum)
    paint(labels, Tissue.MARROW, sternum & (np.abs(x) < 14) & (np.abs(y + 92) < 4))
    reach = np.clip(np.abs(x), 18, 140)
    clavicle = np.sqrt((y + 76 - 0.42 * (reach - 18)) ** 2 + (z - 98 - 0.16 * (reach - 18)) ** 2)
    paint(labels, Tissue.BONE, (clavicle < 6) & (np.abs(x) > 18) & (np.abs(x) < 140))
    blade = np.abs(y - 128 + 0.45 * np.abs(x)) < 3.5
    span = (np.abs(x) > 88 + 0.25 * (110 - z)) & (np.abs(x) < 145) & (z > 5)
    paint(labels, Tissue.BONE, blade & span & (labels > 0))


def _spine(labels: Labels, x: Floats, y: Floats, z: Floats) -> None:
    body = np.sqrt((x / 17) ** 2 + ((y - 62) / 14.5) ** 2)
    level = np.abs(z / 27 - np.round(z / 27)) * 27
    paint(labels, Tissue.BONE, body < 1)
    paint(labels, Tissue.MARROW, (body < 0.92) & (level < 11))
    paint(labels, Tissue.DISC, (body < 1) & (level > 11.8))
    arch = (x / 15) ** 2 + ((y - 83) / 12) ** 2
    paint(labels, Tissue.MARROW, (arch < 1) & (level < 9))
    wing = (np.abs(x) < 34) & (np.abs(y - 80 - 0.15 * np.abs(x)) < 5) & (level < 5)
    paint(labels, Tissue.MARROW, wing)
    paint(labels, Tissue.CSF, (x / 9) ** 2 + ((y - 83) / 8) ** 2 < 1)
    paint(labels, Tissue.BONE, (np.abs(x) < 3) & (np.abs(y - 98) < 9) & (level < 6))
