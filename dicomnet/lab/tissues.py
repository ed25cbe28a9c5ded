"""Tissues of the phantoms, and how each looks to CT, MR and X-rays."""

from enum import IntEnum
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from dicomnet.lab.space import Floats

Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


class Tissue(IntEnum):
    """What one voxel is made of."""

    AIR = 0
    SKIN = 1
    FAT = 2
    MUSCLE = 3
    BONE = 4
    MARROW = 5
    CSF = 6
    GRAY = 7
    WHITE = 8
    FALX = 9
    LESION = 10
    EDEMA = 11
    LUNG = 12
    VESSEL = 13
    BLOOD = 14
    LIVER = 15
    DISC = 16
    TABLE = 17
    EYE = 18


# Hounsfield units without and with contrast agent in the blood.
HOUNSFIELD = {
    Tissue.AIR: -1000,
    Tissue.SKIN: 20,
    Tissue.FAT: -100,
    Tissue.MUSCLE: 55,
    Tissue.BONE: 950,
    Tissue.MARROW: 280,
    Tissue.CSF: 8,
    Tissue.GRAY: 39,
    Tissue.WHITE: 29,
    Tissue.FALX: 58,
    Tissue.LESION: 68,
    Tissue.EDEMA: 18,
    Tissue.LUNG: -850,
    Tissue.VESSEL: 20,
    Tissue.BLOOD: 180,
    Tissue.LIVER: 105,
    Tissue.DISC: 90,
    Tissue.TABLE: -150,
    Tissue.EYE: 14,
}

# Signal in a 12-bit range for each weighting; bone and air give none.
T1 = {
    Tissue.SKIN: 520, Tissue.FAT: 1250, Tissue.MUSCLE: 480, Tissue.BONE: 60, Tissue.MARROW: 700, Tissue.CSF: 150,
    Tissue.GRAY: 520, Tissue.WHITE: 760, Tissue.FALX: 430, Tissue.LESION: 560, Tissue.EDEMA: 430, Tissue.EYE: 220,
}  # fmt: skip
T2 = {
    Tissue.SKIN: 420, Tissue.FAT: 820, Tissue.MUSCLE: 260, Tissue.BONE: 40, Tissue.MARROW: 420, Tissue.CSF: 1450,
    Tissue.GRAY: 640, Tissue.WHITE: 430, Tissue.FALX: 250, Tissue.LESION: 780, Tissue.EDEMA: 1080, Tissue.EYE: 1400,
}  # fmt: skip
FLAIR = {
    Tissue.SKIN: 480, Tissue.FAT: 900, Tissue.MUSCLE: 360, Tissue.BONE: 40, Tissue.MARROW: 480, Tissue.CSF: 130,
    Tissue.GRAY: 640, Tissue.WHITE: 500, Tissue.FALX: 330, Tissue.LESION: 760, Tissue.EDEMA: 1150, Tissue.EYE: 200,
}  # fmt: skip

# Linear attenuation per millimetre at the effective energy of a chest radiograph.
ATTENUATION = {
    Tissue.SKIN: 0.0190, Tissue.FAT: 0.0172, Tissue.MUSCLE: 0.0195, Tissue.BONE: 0.0520, Tissue.MARROW: 0.0240,
    Tissue.CSF: 0.0188, Tissue.LESION: 0.0195, Tissue.LUNG: 0.0045, Tissue.VESSEL: 0.0185, Tissue.BLOOD: 0.0195,
    Tissue.LIVER: 0.0195, Tissue.DISC: 0.0200,
}  # fmt: skip

_Number = TypeVar("_Number", int, float)


def paint(labels: Labels, tissue: Tissue, where: Mask) -> None:
    """Set the label where the mask, broadcast to the grid, holds."""
    np.copyto(labels, np.uint8(tissue), where=where)


def values(labels: Labels, table: dict[Tissue, _Number]) -> Floats:
    """Replace each label by its value in the table; what the table does not name becomes 0."""
    lookup = np.zeros(len(Tissue), dtype=np.float32)
    for tissue, value in table.items():
        lookup[tissue] = value
    return lookup[labels]
