import pytest
import torch

from epropnp_det.models.objects.image_points import AnalyticImagePoints, RasterImagePoints
from epropnp_det.models.structures import BatchGeometry

FLIP = [[-1.0, 0, 128], [0, 1, -16], [0, 0, 1]]
CROP = [[1.0, 0, 0], [0, 1, -16], [0, 0, 1]]


@pytest.fixture
def geometry():
    sizes = torch.tensor([[64.0, 128.0], [64, 128]])
    return BatchGeometry(
        torch.eye(3).expand(2, 3, 3),
        torch.tensor([CROP, FLIP]),
        sizes,
        torch.tensor([[80.0, 128], [80, 128]]),
        torch.tensor([False, True]),
        (64, 160),
    )


def grid(generator_seed=0, num=200):
    generator = torch.Generator().manual_seed(generator_seed)
    low, span = torch.tensor([-20.0, -20]), torch.tensor([168.0, 104])
    return (torch.rand(2, num, 2, generator=generator) * span + low).double()


def as_double(geometry):
    return geometry._replace(
        img_transforms=geometry.img_transforms.double(), img_shapes=geometry.img_shapes.double()
    )


def test_points_return_to_the_original_image(geometry):
    locations = torch.tensor([[[10.0, 20.0]], [[10.0, 20.0]]])
    x2d, _ = AnalyticImagePoints()(locations, torch.tensor([0, 1]), geometry)
    torch.testing.assert_close(x2d[:, 0], torch.tensor([[10.0, 36.0], [118.0, 36.0]]))


@pytest.mark.parametrize(
    ("ramp", "zero", "one"), [("centered", -4.0, 4.0), ("published", 4.0, 12.0)]
)
def test_ramp_at_the_left_border(geometry, ramp, zero, one):
    x = torch.tensor([zero - 1, zero, (zero + one) / 2, one, one + 1])
    locations = torch.stack((x, torch.full_like(x, 30.0)), dim=-1)[None]
    _, mask = AnalyticImagePoints(border_ramp=ramp)(locations, torch.tensor([0]), geometry)
    torch.testing.assert_close(mask[0], torch.tensor([0, 0, 0.5, 1, 1]))


@pytest.mark.parametrize(("ramp", "symmetric"), [("centered", True), ("published", False)])
def test_mirror_image_has_the_mirrored_ramp(geometry, ramp, symmetric):
    locations = grid()[:1]
    mirrored = torch.stack((128 - locations[..., 0], locations[..., 1]), dim=-1)
    part, image = AnalyticImagePoints(border_ramp=ramp), torch.tensor([0])
    _, mask = part(locations, image, as_double(geometry))
    _, mask_of_mirrored = part(mirrored, image, as_double(geometry))
    assert torch.allclose(mask, mask_of_mirrored) == symmetric


@pytest.mark.parametrize("stride", [4, 8])
def test_raster_points_are_analytic_ones_that_saturate(geometry, stride):
    locations, img_inds = grid(), torch.tensor([0, 1])
    x2d, mask = RasterImagePoints(stride)(locations, img_inds, as_double(geometry))
    analytic, ramp = AnalyticImagePoints(stride)(locations, img_inds, as_double(geometry))
    half = stride / 2
    low = torch.tensor([half, 16 + half]).double()
    high = torch.tensor([128 - half, 80 - half]).double()
    inside_rows = locations[..., 0].lt(128 - stride) & locations[..., 0].gt(0)
    expected = torch.minimum(torch.maximum(analytic, low), high)
    torch.testing.assert_close(x2d[inside_rows], expected[inside_rows])
    torch.testing.assert_close(mask, ramp)


def test_raster_points_have_no_gradient_where_they_saturate(geometry):
    locations = torch.tensor([[[-15.0, 20.0], [60.0, 20.0]]], requires_grad=True)
    x2d, _ = RasterImagePoints(8)(locations, torch.tensor([0]), geometry)
    (gradient,) = torch.autograd.grad(x2d[..., 0].sum(), locations)
    torch.testing.assert_close(gradient[0, :, 0], torch.tensor([0.0, 1.0]))


def test_unknown_ramp():
    with pytest.raises(ValueError, match="border_ramp"):
        AnalyticImagePoints(border_ramp="none")
