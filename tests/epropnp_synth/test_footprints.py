"""Rectangle overlap against sampling."""

import numpy as np
import pytest

from epropnp_synth.footprints import footprint_corners, footprints_overlap


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_overlap_agrees_with_sampled_points(rng):
    for _ in range(60):
        a = footprint_corners(*rng.uniform(-3, 3, 2), rng.uniform(-3, 3), *rng.uniform(1, 4, 2))
        b = footprint_corners(*rng.uniform(-3, 3, 2), rng.uniform(-3, 3), *rng.uniform(1, 4, 2))
        u, v = np.meshgrid(*[np.linspace(0, 1, 60)] * 2)
        inside_a = a[0] + u[..., None] * (a[1] - a[0]) + v[..., None] * (a[3] - a[0])
        local = inside_a - b[0]
        edges = np.stack([b[1] - b[0], b[3] - b[0]])
        share = local @ np.linalg.inv(edges)
        sampled = bool(((share >= 0) & (share <= 1)).all(-1).any())
        if sampled:
            assert footprints_overlap(a, b)
        elif footprints_overlap(a, b):  # at most a sliver the samples missed
            grown = (share > -0.06) & (share < 1.06)
            assert grown.all(-1).any()
