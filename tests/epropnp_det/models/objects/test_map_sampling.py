import pytest
import torch
import torch.nn.functional as F

from epropnp_det.models.objects.map_sampling import sample_heads


@pytest.mark.parametrize("img_inds", [[1, 0, 1, 1], [1, 1, 1, 1], []])
def test_samples_each_object_in_its_own_image(img_inds):
    generator = torch.Generator().manual_seed(0)
    heads, dims, num_points = 2, 3, 5
    maps = torch.randn(3, heads * dims, 6, 7, generator=generator, dtype=torch.float64)
    points = torch.rand(
        len(img_inds), heads, num_points, 2, generator=generator, dtype=torch.float64
    )
    points = points * 1.4 - 0.2  # some outside
    sampled = sample_heads(maps, points, torch.tensor(img_inds, dtype=torch.long))
    assert sampled.shape == (len(img_inds), heads, dims, num_points)
    for i, image in enumerate(img_inds):
        for h in range(heads):
            expected = F.grid_sample(
                maps[image, h * dims : (h + 1) * dims][None],
                2 * points[i, h][None, None] - 1,
                padding_mode="border",
                align_corners=False,
            )
            torch.testing.assert_close(sampled[i, h], expected[0, :, 0])


def test_gradients():
    generator = torch.Generator().manual_seed(1)
    maps = torch.randn(2, 4, 5, 5, generator=generator, dtype=torch.float64, requires_grad=True)
    points = torch.rand(3, 2, 4, 2, generator=generator, dtype=torch.float64)
    points = points.mul(0.6).add(0.2).requires_grad_()
    img_inds = torch.tensor([1, 0, 1])
    assert torch.autograd.gradcheck(lambda m, p: sample_heads(m, p, img_inds), (maps, points))
