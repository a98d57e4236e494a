"""Smooth random textures from a small tile that repeats."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

TILE = 256  # cells per side, a power of two


@lru_cache(maxsize=16)
def noise_tile(seed: int) -> NDArray:
    """Tile (TILE, TILE) of smooth noise, evenly distributed over [0, 1]."""
    rng = np.random.default_rng(seed)
    total = np.zeros((TILE, TILE))
    for sigma, weight in ((8.0, 0.5), (3.0, 0.3), (1.0, 0.2)):
        wide = np.tile(rng.normal(size=(TILE, TILE)), (3, 3))
        layer = cv2.GaussianBlur(wide, (0, 0), sigma)[TILE : 2 * TILE, TILE : 2 * TILE]
        total += weight * layer / layer.std()
    ranks = total.ravel().argsort().argsort().reshape(TILE, TILE)
    return (ranks / (TILE * TILE - 1)).astype(np.float32)


def sample_tile(tile: NDArray, cells: NDArray) -> NDArray:
    """Noise at positions (R, 2) measured in cells, bilinear and periodic, (R,)."""
    base = np.floor(cells)
    a, b = (cells - base).astype(np.float32).T
    i, j = base.astype(np.int64).T
    i0, i1, j0, j1 = i % TILE, (i + 1) % TILE, j % TILE, (j + 1) % TILE
    top = tile[i0, j0] * (1 - b) + tile[i0, j1] * b
    return top * (1 - a) + (tile[i1, j0] * (1 - b) + tile[i1, j1] * b) * a
