"""Colour of the ground: asphalt with lane marks, parking strips, paving, yards, grass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .noise import noise_tile, sample_tile
from .road import ASPHALT_EDGE, FURNITURE, LANE_WIDTH, PARKING, YARD

_ASPHALT = np.array([0.085, 0.087, 0.092], np.float32)
_PARKING = np.array([0.115, 0.113, 0.110], np.float32)
_PAVING = np.array([0.30, 0.285, 0.265], np.float32)
_KERB = np.array([0.42, 0.41, 0.39], np.float32)
_MARK = np.array([0.72, 0.72, 0.70], np.float32)
_YELLOW = np.array([0.72, 0.48, 0.06], np.float32)
_GRASS = np.array([0.07, 0.14, 0.025], np.float32)
_YARDS = (
    np.array([0.09, 0.15, 0.03], np.float32),
    np.array([0.25, 0.21, 0.15], np.float32),
    np.array([0.23, 0.23, 0.22], np.float32),
)
CROSSING_PERIOD = 70.0  # metres between zebra crossings


def ground_albedo(
    station: NDArray, offset: NDArray, distance: NDArray, ground: int, seed: int
) -> NDArray:
    """Linear RGB (R, 3) of ground points.

    Args:
        station: (R,) metres along the road.
        offset: (R,) metres left of its centre line.
        distance: (R,) metres to the eye; fine grain fades with it.
        ground: 0 grass, 1 gravel, 2 concrete beside the road.
        seed: seed of the noise.
    """
    across = np.abs(offset)
    bands = [across < ASPHALT_EDGE, across < PARKING[1] + 0.1, across < PARKING[1] + 0.4,
             across < FURNITURE[1] + 0.6, across < YARD[1] + 1.5]  # fmt: skip
    looks = [_ASPHALT, _PARKING, _KERB, _PAVING, _YARDS[ground]]
    color = np.select([b[:, None] for b in bands], looks, _GRASS)
    tile = noise_tile(seed)
    position = np.stack([station, offset], 1)
    coarse = sample_tile(tile, position * 0.9) - 0.5
    fine = (sample_tile(tile, position * 11.0) - 0.5) * np.clip(18 / distance, 0, 1)
    rough = np.where(across < ASPHALT_EDGE, 0.35, 0.55)
    color = color * (1 + rough * coarse + 0.7 * rough * fine)[:, None]
    color = _pave(color, station, offset, across)
    return np.clip(_mark(color, station, offset, across), 0, 1)


def _pave(color: NDArray, station: NDArray, offset: NDArray, across: NDArray) -> NDArray:
    """Joints between paving stones and between bays of the parking strip."""
    paving = (across > PARKING[1] + 0.4) & (across < FURNITURE[1] + 0.6)
    joint = paving & ((np.mod(station, 1.2) < 0.05) | (np.mod(offset, 1.2) < 0.05))
    color[joint] *= 0.72
    return color


def _mark(color: NDArray, station: NDArray, offset: NDArray, across: NDArray) -> NDArray:
    """Double yellow centre line, dashes between lanes, edge lines, bays, zebra crossings."""
    center = (across > 0.09) & (across < 0.22)
    dashes = (np.abs(across - LANE_WIDTH) < 0.08) & (np.mod(station, 9.0) < 3.5)
    edges = np.abs(across - ASPHALT_EDGE + 0.15) < 0.07
    bays = (across > PARKING[0]) & (across < PARKING[1]) & (np.mod(station, 6.5) < 0.12)
    phase = np.mod(station - 20.0, CROSSING_PERIOD)
    crossing = (phase < 3.0) & (across < ASPHALT_EDGE)
    zebra = crossing & (np.mod(offset, 1.0) < 0.5)
    stop_line = (np.abs(phase + 2.0 - CROSSING_PERIOD) < 0.2) & (across < ASPHALT_EDGE)
    color[center & ~crossing] = _YELLOW
    color[((dashes | edges) & ~crossing) | bays | zebra | stop_line] = _MARK
    return color
