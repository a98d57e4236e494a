"""Matched detections with normal densities whose errors are known."""

import numpy as np

from epropnp_results.analysis import Pairs

AXIS = np.linspace(-9, 9, 61)
YAWS = -np.pi + 2 * np.pi * np.arange(360) / 360


def make_pairs(count, width, seed=0):
    """Densities say deviation 1 (place, metres) and 0.2 (heading); errors are ``width`` wider."""
    rng = np.random.default_rng(seed)
    places = width * rng.normal(size=(count, 2))
    turns = width * 0.2 * rng.normal(size=count)
    grid = np.exp(-0.5 * (AXIS[:, None] ** 2 + AXIS**2)) / (2 * np.pi)
    heading = np.exp(-0.5 * (YAWS / 0.2) ** 2)
    constant = dict(distance=np.full(count, 20.0), truncation=np.zeros(count), size=np.zeros(count))
    constant |= dict(visibility=np.full(count, np.nan))
    return Pairs(
        label=np.array(["car", "bus"])[rng.integers(0, 2, count)],
        image=np.array([f"image {index % 40}" for index in range(count)]),
        score=np.full(count, 0.5),
        trust=rng.uniform(size=count),
        position=np.linalg.norm(places, axis=1),
        angle=np.abs(turns),
        place_grid=np.repeat(grid[None], count, 0),
        place_density=np.exp(-0.5 * (places**2).sum(1)) / (2 * np.pi),
        yaw_grid=np.repeat(heading[None], count, 0),
        yaw_density=np.exp(-0.5 * (turns / 0.2) ** 2),
        cell_area=np.full(count, (AXIS[1] - AXIS[0]) ** 2),
        **constant,
    )
