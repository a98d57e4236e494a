import math

import numpy as np
import pytest
import torch

from epropnp_det.models.objects.position_encoding import (
    encode_points,
    project_grid,
    sine_encoding,
)
from epropnp_det.models.structures import BatchGeometry


@pytest.fixture(scope="module")
def golden(golden_file):
    with np.load(golden_file("geometry.npz")) as arrays:
        return dict(arrays)


def geometry_of(sizes, pad_shape):
    sizes = torch.tensor(sizes, dtype=torch.float32)
    eye = torch.eye(3).expand(len(sizes), 3, 3)
    flips = torch.zeros(len(sizes), dtype=torch.bool)
    return BatchGeometry(eye, eye, sizes, sizes, flips, pad_shape)


def test_features_alternate_sine_and_cosine_of_falling_frequency():
    features = sine_encoding(torch.tensor([1.3], dtype=torch.float64), 6)[0]
    expected = []
    for frequency in (1, 10000 ** (-1 / 3), 10000 ** (-2 / 3)):
        expected += [math.sin(1.3 * frequency), math.cos(1.3 * frequency)]
    torch.testing.assert_close(features, torch.tensor(expected, dtype=torch.float64))


def test_points_match_reference(golden):
    sizes = torch.from_numpy(golden["pe_points_imgsize"])
    encoded = encode_points(torch.from_numpy(golden["pe_points"]), sizes, 256)
    np.testing.assert_allclose(encoded.numpy(), golden["pe_points_enc"], atol=2e-6)


def test_grid_with_padding_matches_reference(golden):
    mask = golden["pe_mask"]  # (2, 7, 9), true on padding
    sizes = [(int((~m[:, 0]).sum()), int((~m[0]).sum())) for m in mask]
    encoded = project_grid(geometry_of(sizes, (7, 9)), (7, 9), torch.eye(256))
    np.testing.assert_allclose(encoded.numpy(), golden["pe_grid"], atol=2e-6)


def test_grid_of_a_coarser_map_sees_the_same_padding():
    fine = project_grid(geometry_of([(64, 96)], (64, 128)), (8, 16), torch.eye(16))
    cells = project_grid(geometry_of([(8, 12)], (8, 16)), (8, 16), torch.eye(16))
    torch.testing.assert_close(fine, cells)


def test_projected_grid_is_the_projection_of_the_grid():
    geometry = geometry_of([(5, 9), (7, 6)], (7, 9))
    projection = torch.randn(3, 16, generator=torch.Generator().manual_seed(0))
    encoded = project_grid(geometry, (7, 9), torch.eye(16))
    projected = torch.einsum("dc,bchw->bdhw", projection, encoded)
    torch.testing.assert_close(project_grid(geometry, (7, 9), projection), projected)
