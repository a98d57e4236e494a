"""Annotation centres: recorded values, dense ray casting, and image transforms."""

import numpy as np
import pytest
import torch
import trimesh

from det_train_reference import TrainReference
from epropnp_det.models.structures import BatchGeometry
from epropnp_det.models.training.targets import VolumeCenter
from epropnp_det.models.training.targets.volume_center import box_thickness


@pytest.fixture(scope="module")
def reference(golden_file):
    return TrainReference(golden_file)


def geometry(transform=None, img_shape=(128, 256), ori_shape=(128, 256), pad_shape=(128, 256)):
    focal, (height, width) = 0.8 * ori_shape[1], ori_shape
    camera = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    transform = torch.eye(3) if transform is None else torch.tensor(transform)
    return BatchGeometry(
        camera[None],
        transform[None].float(),
        torch.tensor([img_shape]).float(),
        torch.tensor([ori_shape]).float(),
        torch.tensor([False]),
        pad_shape,
    )


DIMS = torch.tensor([[4.5, 1.7, 1.9], [0.8, 1.8, 0.7]])
POSES = torch.tensor([[-3.0, 0.6, 12, 0.4], [2.0, 0.2, 8, 2.0]])
BBOXES = torch.tensor([[0.0, 0, 50, 50], [0, 0, 50, 50]])
IMG_INDS = torch.zeros(2, dtype=torch.long)


def centers_of(geometry, dims=DIMS, poses=POSES, bboxes=BBOXES, img_inds=IMG_INDS, **settings):
    return VolumeCenter(**settings)(dims, poses, bboxes, img_inds, geometry)


def test_equals_recorded_centers(reference):
    centers, keep = VolumeCenter()(**reference.annotations(), geometry=reference.geometry())
    assert keep.equal(reference["cent_valid"])
    torch.testing.assert_close(centers[keep], reference["cent_centers2d"], rtol=1e-6, atol=1e-5)


def test_thickness_is_that_of_a_mesh():
    rng = np.random.default_rng(0)
    directions = np.concatenate([rng.uniform(-0.6, 0.6, (400, 2)), np.ones((400, 1))], 1)
    pose, dims = torch.tensor([1.0, 0.5, 9, 0.7]).double(), torch.tensor([6.0, 3, 4]).double()
    cos, sin = np.cos(0.7), np.sin(0.7)
    matrix = np.eye(4)
    matrix[:3, :3] = [[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]]
    matrix[:3, 3] = pose[:3]
    box = trimesh.creation.box(extents=dims.numpy(), transform=matrix)
    hits, rays, _ = box.ray.intersects_location(np.zeros((400, 3)), directions)
    expected = np.zeros(400)
    for ray in np.unique(rays):
        depths = np.unique(hits[rays == ray, 2].round(5))
        expected[ray] = depths[-1] - depths[0]
    assert (expected > 0).sum() > 50
    thickness = box_thickness(dims[None], pose[None], torch.from_numpy(directions)[None], 0.01)
    np.testing.assert_allclose(thickness[0], expected, atol=2e-5)


def test_box_around_or_behind_the_camera_is_not_seen():
    poses = torch.tensor([[0.0, 0, 0, 0.1], [0, 0, -10, 0], [0, 0, 10, 0]])
    directions = torch.tensor([[0.0, 0, 1], [0.01, 0.02, 1]])
    directions = directions.expand(3, 2, 3)
    thickness = box_thickness(torch.full((3, 3), 2.0), poses, directions, 0.01)
    assert (thickness[:2] == 0).all()
    torch.testing.assert_close(thickness[2, 0], torch.tensor(2.0))
    assert thickness.isfinite().all()


def test_flip_mirrors_the_centre():
    plain, _ = centers_of(geometry())
    flipped, _ = centers_of(geometry([[-1.0, 0, 256], [0, 1, 0], [0, 0, 1]]))
    mirrored = plain * torch.tensor([-1.0, 1]) + torch.tensor([256.0, 0])
    # pixels up to 256 in float32, weighted over the cells in another order: 16 * 256 * 2**-24
    torch.testing.assert_close(flipped, mirrored, rtol=0, atol=2.5e-4)


def test_crop_shifts_the_centre_and_cuts_what_is_outside():
    plain, _ = centers_of(geometry())
    crop = geometry([[1.0, 0, 0], [0, 1, -32], [0, 0, 1]], (96, 256), pad_shape=(96, 256))
    shifted, _ = centers_of(crop)
    torch.testing.assert_close(shifted, plain - torch.tensor([0.0, 32]))
    gone, keep = centers_of(
        geometry([[1.0, 0, 0], [0, 1, -104], [0, 0, 1]], (24, 256), pad_shape=(32, 256))
    )
    assert not keep.any()
    assert gone.isfinite().all()


@pytest.mark.parametrize("scale", [0.28, 0.5, 2.0])
def test_resize_scales_the_centre(scale):
    shape = (round(448 * scale / 32) * 32, round(800 * scale / 32) * 32)
    scaled = geometry(
        [[scale, 0, 0], [0, scale, 0], [0, 0, 1]], shape, ori_shape=(448, 800), pad_shape=shape
    )
    plain = geometry(img_shape=(448, 800), ori_shape=(448, 800), pad_shape=(448, 800))
    expected, _ = centers_of(plain, output_stride=1, render_stride=1)
    for output_stride in (4, 8):
        centers, keep = centers_of(scaled, output_stride=output_stride, render_stride=4)
        assert keep.all()
        # the grid is coarse: within a quarter of a cell of the finest one
        error = (centers / scale - expected).abs().max()
        assert error < 0.25 * output_stride / scale


@pytest.mark.parametrize(
    "pose", [(-3.0, 0.6, 12, 0.4), (2.0, 0.3, 1.5, 1.2), (-2.5, 0.1, 0.5, 1.6)]
)
def test_equals_the_mean_over_all_pixels(pose):
    """Also of a box that reaches behind the camera."""
    camera, dims = geometry(), torch.tensor([[4.5, 1.7, 1.9]])
    pose = torch.tensor([pose])
    pixels = torch.cartesian_prod(torch.arange(256.0), torch.arange(128.0)) + 0.5
    rays = torch.cat([pixels, torch.ones(len(pixels), 1)], 1)
    rays = rays @ torch.linalg.inv(camera.cam_intrinsics[0]).T
    thickness = box_thickness(dims, pose, rays[None], 0.01)
    expected = (thickness @ pixels) / thickness.sum()
    centers, keep = centers_of(
        camera, dims, pose, BBOXES[:1], IMG_INDS[:1], output_stride=1, render_stride=1
    )
    assert keep.all()
    torch.testing.assert_close(centers, expected, rtol=0, atol=1e-2)


def test_padding_has_no_thickness():
    # 252 rows of a 448 x 252 image, padded to 256; a box that reaches below the image
    pose = torch.tensor([[0.0, 2.5, 8, 0.3]])
    box = torch.tensor([[3.0, 2.0, 2.0]])
    padded = geometry(img_shape=(252, 448), ori_shape=(252, 448), pad_shape=(256, 448))
    centers, keep = centers_of(padded, box, pose, BBOXES[:1], IMG_INDS[:1])
    fine, _ = centers_of(
        padded, box, pose, BBOXES[:1], IMG_INDS[:1], output_stride=1, render_stride=1
    )
    assert keep.all()
    assert centers[0, 1] < 252
    torch.testing.assert_close(centers, fine, rtol=0, atol=1.5)


def test_thin_boxes_do_not_pass_between_the_rays():
    """Poles 3 pixels wide at all offsets to the cells; rays lie 2 pixels apart."""
    camera = geometry()
    focal = camera.cam_intrinsics[0, 0, 0].item()
    offsets = torch.arange(16) / 2  # pixels
    dims = torch.tensor([[3 * 20 / focal, 4.0, 0.1]]).expand(16, 3)
    poses = torch.zeros(16, 4)
    poses[:, 0], poses[:, 2] = offsets * 20 / focal, 20.0
    boxes = torch.tensor([[0.0, 0, 50, 50]]).expand(16, 4)
    centers, keep = centers_of(
        camera, dims, poses, boxes, torch.zeros(16).long(), output_stride=8, render_stride=2
    )
    assert keep.all()
    assert (centers[:, 0] - 128 - offsets).abs().max() <= 1.5


def test_small_2d_boxes_are_dropped():
    bboxes = torch.tensor([[0.0, 0, 3.9, 50], [0, 0, 4, 4]])
    assert centers_of(geometry(), bboxes=bboxes)[1].tolist() == [False, True]
    assert centers_of(geometry(), bboxes=bboxes, min_box_size=2)[1].tolist() == [True, True]


def test_boxes_do_not_hide_each_other():
    """Ten boxes behind one another all keep their centres."""
    poses = torch.zeros(10, 4)
    poses[:, 2] = 10 + 4 * torch.arange(10)
    boxes = torch.tensor([[0.0, 0, 50, 50]]).expand(10, 4)
    centers, keep = centers_of(
        geometry(), torch.full((10, 3), 2.0), poses, boxes, torch.zeros(10, dtype=torch.long)
    )
    assert keep.all()
    torch.testing.assert_close(centers, torch.tensor([[128.0, 64]]).expand(10, 2))


def test_no_boxes():
    centers, keep = centers_of(
        geometry(), torch.zeros(0, 3), torch.zeros(0, 4), torch.zeros(0, 4), IMG_INDS[:0]
    )
    assert centers.shape == (0, 2)
    assert keep.shape == (0,)
