"""Weights, grid and gathering of correspondences against their formulas."""

import numpy as np
import pytest
import torch

from epropnp_6dof.models.correspondences import (
    WEIGHTINGS,
    find_weighting,
    gather_correspondences,
    grid_pixels,
    random_points,
)
from epropnp_6dof.models.structures import DenseMaps
from sixdof_reference import synthetic_crops


@pytest.fixture
def maps():
    generator = torch.Generator().manual_seed(1)
    noc, logits = (torch.randn(3, c, 16, 16, generator=generator) for c in (3, 2))
    return DenseMaps(noc, logits, torch.rand(3, 2, generator=generator) + 1)


def test_softmax_weights_sum_to_the_scale_per_cell(maps):
    batch = synthetic_crops()
    points = gather_correspondences(maps, batch, WEIGHTINGS["softmax"])
    torch.testing.assert_close(points.w2d.sum(1), maps.scale / batch.grid_step[:, None])


def test_version_one_weights_ignore_an_offset_and_have_scale_as_geometric_sum(maps):
    batch = synthetic_crops()
    shifted = maps._replace(weight_logits=maps.weight_logits + 5)
    first, second = (
        gather_correspondences(m, batch, WEIGHTINGS["centered_exp"]).w2d for m in (maps, shifted)
    )
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close((first.log().mean(1)).exp() * 256, maps.scale, rtol=1e-4, atol=1e-6)


def test_points_are_row_major_cells(maps):
    batch = synthetic_crops()
    points = gather_correspondences(maps, batch, WEIGHTINGS["softmax"])
    row, column = 5, 11
    index = row * 16 + column
    expected = batch.grid_origin + batch.grid_step[:, None] * torch.tensor([column, row])
    torch.testing.assert_close(points.x2d[:, index], expected)
    torch.testing.assert_close(
        points.x3d[:, index], maps.noc[:, :, row, column] * batch.coord_scale
    )
    torch.testing.assert_close(grid_pixels(batch, 16, 16)[:, index], expected)


def test_subset_is_normalised_over_itself(maps):
    batch = synthetic_crops()
    torch.manual_seed(0)
    indices = random_points(3, 256, 64, maps.noc)
    assert all(len(set(row.tolist())) == 64 for row in indices)
    points = gather_correspondences(maps, batch, WEIGHTINGS["softmax"], indices)
    full = gather_correspondences(maps, batch, WEIGHTINGS["softmax"])
    torch.testing.assert_close(points.w2d.sum(1), maps.scale / batch.grid_step[:, None])
    picked = full.x3d.gather(1, indices[..., None].expand(-1, -1, 3))
    torch.testing.assert_close(points.x3d, picked)


def test_every_cell_is_drawn_equally_often():
    torch.manual_seed(0)
    counts = np.bincount(random_points(2000, 64, 16, torch.zeros(1)).ravel().numpy())
    expected = 2000 * 16 / 64
    chi2 = ((counts - expected) ** 2 / (expected * (1 - 16 / 64))).sum()
    assert chi2 < 64 + 5 * (2 * 64) ** 0.5


def test_unknown_weighting_is_named():
    with pytest.raises(ValueError, match="weighting='relu'"):
        find_weighting("relu")
