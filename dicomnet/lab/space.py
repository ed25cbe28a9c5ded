"""Grids in millimetres and smooth random fields over them, for phantoms that go on from slice to slice."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
FIELD_CELLS = 96


@dataclass(frozen=True)
class Grid:
    """Sample points along the patient's axes (PS3.3 C.7.6.2.1.1): x to the left, y to the back, z to the head.

    Attributes:
        x: ``(columns,) float32`` millimetres.
        y: ``(rows,) float32`` millimetres.
        z: ``(slices,) float32`` millimetres.
    """

    x: Floats
    y: Floats
    z: Floats

    def axes(self) -> tuple[Floats, Floats, Floats]:
        """x, y and z shaped so that arithmetic on them gives ``(slices, rows, columns)``."""
        return self.x[None, None, :], self.y[None, :, None], self.z[:, None, None]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Slices, rows, columns."""
        return self.z.size, self.y.size, self.x.size


def centred(count: int, spacing: float) -> Floats:
    """``count`` points with this spacing, symmetrical about zero."""
    positions: Floats = (np.arange(count, dtype=np.float32) - (count - 1) / 2) * spacing
    return positions.astype(np.float32)


@lru_cache(maxsize=8)
def _field(name: int, smoothness_cells: float) -> Floats:
    """A periodic volume of Gaussian noise, low-pass filtered to mean 0 and standard deviation 1."""
    noise = np.random.default_rng(name).standard_normal((FIELD_CELLS,) * 3, dtype=np.float32)
    frequencies = np.fft.fftfreq(FIELD_CELLS) ** 2
    squares = frequencies[:, None, None] + frequencies[None, :, None] + frequencies[None, None, :]
    spectrum = np.fft.fftn(noise) * np.exp(-2 * (np.pi * smoothness_cells) ** 2 * squares)
    smooth = np.fft.ifftn(spectrum).real
    field: Floats = ((smooth - smooth.mean()) / smooth.std()).astype(np.float32)
    return field


def texture(grid: Grid, *, name: int, scale_mm: float) -> Floats:
    """A random field whose lumps are about ``scale_mm`` wide, ``(slices, rows, columns)``, standard deviation 1."""
    smoothness_cells = 2.0
    field = _field(name, smoothness_cells)
    cell_mm = scale_mm / (2.5 * smoothness_cells)
    for axis, positions in sorted(enumerate((grid.z, grid.y, grid.x)), key=lambda entry: entry[1].size):
        field = _interpolated(field, positions / cell_mm, axis)
    return field


def _interpolated(field: Floats, cells: Floats, axis: int) -> Floats:
    below = np.floor(cells).astype(np.intp)
    weight = (cells - below).astype(np.float32).reshape([-1 if n == axis else 1 for n in range(3)])
    lower = field.take(below % FIELD_CELLS, axis=axis)
    upper = field.take((below + 1) % FIELD_CELLS, axis=axis)
    return lower + weight * (upper - lower)


def softened(plane: Floats) -> Floats:
    """A 3 by 3 binomial blur: the partial volume that a real detector sees at each edge."""
    out = plane.copy()
    out[1:-1] = (plane[:-2] + 2 * plane[1:-1] + plane[2:]) / 4
    across = out.copy()
    across[:, 1:-1] = (out[:, :-2] + 2 * out[:, 1:-1] + out[:, 2:]) / 4
    return across


@lru_cache(maxsize=2)
def _noise_bank(side: int) -> Floats:
    return np.random.default_rng(side).standard_normal((side, side), dtype=np.float32)


def noise(rng: np.random.Generator, rows: int, columns: int) -> Floats:
    """Gaussian noise of standard deviation 1, cut at random from one bank: drawing it afresh takes 20 times as long."""
    bank = _noise_bank(max(rows, columns) * 2)
    top = int(rng.integers(bank.shape[0] - rows))
    left = int(rng.integers(bank.shape[1] - columns))
    return bank[top : top + rows, left : left + columns]
