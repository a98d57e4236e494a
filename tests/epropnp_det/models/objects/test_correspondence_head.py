import numpy as np
import pytest
import torch
from torch import nn

from epropnp_det.models.objects.correspondence_head import (
    CorrespondenceHead,
    GroupedLinear,
    unit_noc,
)
from epropnp_det.models.structures import SampledPoints

HEADS, POINTS, DIMS = 2, 5, 8


def make_inputs(num=3):
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return torch.randn(num, *shape, generator=generator, dtype=torch.float64)

    points = SampledPoints(
        embeddings=random(HEADS * DIMS),
        values=random(HEADS, DIMS, POINTS),
        mask=random(HEADS, POINTS).sigmoid(),
        x2d=random(HEADS, 2, POINTS) * 30 + 100,
    )
    return points, random(HEADS, DIMS)


@pytest.fixture
def head():
    torch.manual_seed(0)
    head = CorrespondenceHead(embed_dims=HEADS * DIMS, num_heads=HEADS, ffn_channels=16)
    nn.init.normal_(head.regression.weight)
    return head.double().eval()


def test_sphere_points_match_reference(golden_file):
    with np.load(golden_file("geometry.npz")) as golden:
        np.testing.assert_allclose(unit_noc(8).numpy(), golden["unit_noc_8"], atol=5e-6)


def test_grouped_linear_is_one_linear_layer_per_group():
    layer = GroupedLinear(num_groups=3, in_features=4).double()
    inputs = torch.randn(2, 6, 3, 4, dtype=torch.float64)
    outputs = layer(inputs)
    for group in range(3):
        expected = nn.functional.linear(
            inputs[..., group, :], layer.weight[group], layer.bias[group]
        )
        torch.testing.assert_close(outputs[..., group, :], expected)


def test_coordinates_start_on_a_sphere():
    torch.manual_seed(0)
    head = CorrespondenceHead(embed_dims=256, num_heads=8).eval()
    points = SampledPoints(
        torch.randn(2, 256),
        torch.randn(2, 8, 32, 16),
        torch.ones(2, 8, 16),
        torch.randn(2, 8, 2, 16),
    )
    _, noc, _ = head(points, torch.randn(2, 8, 32), torch.tensor([False, True]))
    by_head = noc.unflatten(1, (8, 16)).mean(dim=2)
    expected = 0.5 * torch.stack((unit_noc(8), unit_noc(8) * torch.tensor([1.0, 1, -1])))
    assert (by_head - expected).abs().max() < 0.05


def test_weights_are_a_masked_distribution_per_axis(head):
    points, query = make_inputs()
    full = points._replace(mask=torch.ones_like(points.mask))
    flips = torch.zeros(3, dtype=torch.bool)
    _, _, w2d = head(full, query, flips)
    torch.testing.assert_close(w2d.sum(dim=1), torch.ones(3, 2, dtype=torch.float64))
    _, _, masked = head(points, query, flips)
    torch.testing.assert_close(masked, w2d * points.mask.flatten(1)[..., None])


def test_weights_without_softmax_are_exponentials_of_their_own_logits(head):
    points, query = make_inputs()
    flips = torch.zeros(3, dtype=torch.bool)
    head.softmax = False
    nn.init.zeros_(head.regression.weight)
    with torch.no_grad():
        head.regression.bias[:, 3:] = torch.tensor([[1.0, 2.0], [0.5, 3.0]]).log()
    _, _, own = head(points, query, flips)
    expected = torch.tensor([[1.0, 2.0], [0.5, 3.0]], dtype=torch.float64)
    expected = expected.repeat_interleave(POINTS, 0) / (HEADS * POINTS)
    torch.testing.assert_close(own, expected * points.mask.flatten(1)[..., None], atol=1e-6, rtol=0)


def test_points_are_head_major(head):
    points, query = make_inputs()
    x2d, _, _ = head(points, query, torch.zeros(3, dtype=torch.bool))
    torch.testing.assert_close(x2d[:, POINTS + 2], points.x2d[:, 1, :, 2])


def test_a_mirrored_object_is_predicted_mirrored(head):
    points, query = make_inputs()
    mirror = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    seen_mirrored = points._replace(x2d=points.x2d * mirror[:, None])
    _, noc, w2d = head(points, query, torch.zeros(3, dtype=torch.bool))
    # the same features at mirrored places, declared as mirrored: width axis negated, weights equal
    _, mirrored_noc, mirrored_w2d = head(seen_mirrored, query, torch.ones(3, dtype=torch.bool))
    torch.testing.assert_close(mirrored_noc, noc * torch.tensor([1.0, 1, -1]).double())
    torch.testing.assert_close(mirrored_w2d, w2d)


def test_points_of_a_head_may_be_permuted(head):
    points, query = make_inputs()
    order = torch.tensor([3, 1, 4, 0, 2])
    shuffled = points._replace(
        values=points.values[..., order], mask=points.mask[..., order], x2d=points.x2d[..., order]
    )
    flips = torch.tensor([False, True, False])
    for whole, part in zip(head(points, query, flips), head(shuffled, query, flips), strict=True):
        expected = whole.unflatten(1, (HEADS, POINTS))[:, :, order].flatten(1, 2)
        torch.testing.assert_close(part, expected)


@pytest.mark.parametrize("detach", [False, True])
def test_gradient_of_coordinates_by_places(head, detach):
    head.detach_positions = detach
    points, query = make_inputs()
    x2d = points.x2d.requires_grad_()
    _, noc, _ = head(points._replace(x2d=x2d), query, torch.zeros(3, dtype=torch.bool))
    (gradient,) = torch.autograd.grad(noc.sum(), x2d, allow_unused=True)
    assert (gradient is None) == detach
