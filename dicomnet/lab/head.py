"""A head in the manner of Shepp and Logan: nested ellipsoids, with folds in the brain."""

import numpy as np

from dicomnet.lab.space import Floats, Grid, texture
from dicomnet.lab.tissues import Labels, Tissue, paint


def head(grid: Grid) -> Labels:
    """Tissue labels of a head whose middle is the origin, ``(slices, rows, columns) uint8``; about 200 mm high."""
    x, y, z = grid.axes()
    radius = np.sqrt((x / 73) ** 2 + ((y + 0.03 * np.abs(z)) / 92) ** 2 + (z / 84) ** 2)
    labels = np.zeros(grid.shape, dtype=np.uint8)
    _neck(labels, x, y, z)
    _cheeks(labels, x, y, z)
    for limit, tissue in (
        (1.085, Tissue.SKIN), (1.065, Tissue.FAT), (1.0, Tissue.BONE), (0.982, Tissue.MARROW), (0.955, Tissue.BONE),
        (0.935, Tissue.CSF),
    ):  # fmt: skip
        paint(labels, tissue, radius < limit)
    _brain(labels, grid, radius)
    _deep(labels, x, y, z)
    _face(labels, x, y, z)
    return labels


def headrest(labels: Labels, grid: Grid) -> None:
    """Lay the head into the holder of a CT table."""
    x, y, _ = grid.axes()
    distance = np.sqrt(x**2 + (y - 4) ** 2)
    paint(labels, Tissue.TABLE, (distance > 106) & (distance < 110) & (y > 45) & (labels == Tissue.AIR))


def _brain(labels: Labels, grid: Grid, radius: Floats) -> None:
    """Cortex along the surface and along the sulci, white matter below."""
    x, y, z = grid.axes()
    fold = np.abs(texture(grid, name=11, scale_mm=12))
    cerebellum = (z < -28) & (y > 18)
    if cerebellum.any():
        fold = np.where(cerebellum, np.abs(texture(grid, name=12, scale_mm=6)), fold)
    inside = radius < 0.925
    depth = 0.925 - radius
    paint(labels, Tissue.WHITE, inside)
    paint(labels, Tissue.GRAY, inside & ((depth < 0.045) | (fold < 0.5 - 0.6 * depth)))
    paint(labels, Tissue.CSF, inside & (fold < 0.17 - 0.42 * depth))
    midline = inside & (np.abs(x) < 1.9) & (z > -20) & (depth < 0.36)
    paint(labels, Tissue.CSF, midline)
    paint(labels, Tissue.FALX, midline & (np.abs(x) < 0.8) & (np.abs(y) > 25))


def _deep(labels: Labels, x: Floats, y: Floats, z: Floats) -> None:
    """Basal ganglia, thalami, ventricles, brain stem, and one lesion with oedema around it."""
    side = np.abs(x)
    for tissue, cx, cy, cz, rx, ry, rz in (
        (Tissue.GRAY, 24, -12, 2, 9, 22, 14),
        (Tissue.WHITE, 15.5, -8, 2, 2.2, 20, 15),
        (Tissue.GRAY, 9, 12, 2, 8, 14, 11),
        (Tissue.WHITE, 0, 18, -42, 13, 14, 32),
        (Tissue.CSF, 0, 38, -40, 6, 7, 9),
        (Tissue.CSF, 0, 6, 0, 1.6, 16, 10),
    ):
        where = ((side - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 < 1
        paint(labels, tissue, where)
    lean = side - 5 - 0.0045 * (y + 4) ** 2
    ventricle = (lean / 5.5) ** 2 + ((y - 2) / 42) ** 2 + ((z - 17) / 13) ** 2 < 1
    paint(labels, Tissue.CSF, ventricle & (side > 0.9))
    distance = np.sqrt((x + 38) ** 2 + (y - 22) ** 2 + (z - 32) ** 2)
    paint(labels, Tissue.EDEMA, distance < 17)
    paint(labels, Tissue.LESION, distance < 9)


def _face(labels: Labels, x: Floats, y: Floats, z: Floats) -> None:
    """Eyes in their sockets, nasal cavity, petrous bone; all below the brain."""
    side = np.abs(x)
    for tissue, cx, cy, cz, rx, ry, rz in (
        (Tissue.BONE, 32, -66, -40, 23, 26, 20),
        (Tissue.FAT, 32, -69, -40, 20, 28, 17),
        (Tissue.MUSCLE, 28, -58, -40, 3, 18, 3),
        (Tissue.EYE, 32, -78, -40, 12, 12, 12),
        (Tissue.BONE, 42, 8, -52, 26, 11, 10),
        (Tissue.AIR, 52, 22, -55, 7, 8, 9),
        (Tissue.BONE, 0, -72, -55, 13, 24, 24),
        (Tissue.AIR, 7, -72, -54, 5.2, 21, 21),
        (Tissue.SKIN, 0, -96, -58, 10, 16, 15),
    ):
        where = ((side - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 + ((z - cz) / rz) ** 2 < 1
        paint(labels, tissue, where)


def _cheeks(labels: Labels, x: Floats, y: Floats, z: Floats) -> None:
    """Soft tissue of the face, over which the skull and the sockets are laid."""
    face = np.sqrt((x / 66) ** 2 + ((y + 42) / 62) ** 2 + ((z + 50) / 46) ** 2)
    for limit, tissue in ((1.0, Tissue.SKIN), (0.97, Tissue.FAT), (0.88, Tissue.MUSCLE)):
        paint(labels, tissue, face < limit)


def _neck(labels: Labels, x: Floats, y: Floats, z: Floats) -> None:
    below = z < -30
    outline = (x / 58) ** 2 + ((y - 12) / 68) ** 2
    paint(labels, Tissue.SKIN, below & (outline < 1))
    paint(labels, Tissue.FAT, below & (outline < 0.94))
    paint(labels, Tissue.MUSCLE, below & (outline < 0.82))
    spine = (x / 13) ** 2 + ((y - 22) / 12) ** 2
    paint(labels, Tissue.BONE, below & (spine < 1))
    paint(labels, Tissue.AIR, below & ((x / 9) ** 2 + ((y + 18) / 8) ** 2 < 1))
