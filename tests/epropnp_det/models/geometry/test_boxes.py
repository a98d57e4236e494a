import itertools

import numpy as np
import pytest
import torch

from epropnp_det.models.geometry.boxes import box_corners, project_boxes

PUBLISHED_ORDER = [7, 6, 2, 3, 5, 4, 0, 1]  # of corners


@pytest.fixture(scope="module")
def golden(golden_file):
    with np.load(golden_file("geometry.npz")) as arrays:
        return dict(arrays)


def to_boxes(columns: np.ndarray) -> torch.Tensor:
    """Boxes x, y, z, l, h, w, yaw from l, h, w, x, y, z, yaw."""
    columns = torch.from_numpy(columns)
    return torch.cat((columns[:, 3:6], columns[:, :3], columns[:, 6:]), dim=1)


def random_boxes(num: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    centers = rng.uniform((-6, -2, -3), (6, 2, 8), (num, 3))
    dims = rng.uniform(0.5, 8, (num, 3))
    return torch.from_numpy(np.hstack((centers, dims, rng.uniform(-4, 4, (num, 1)))))


CAMERA = torch.tensor([[500.0, 0, 320], [0, 500, 180], [0, 0, 1]], dtype=torch.float64)
SIZE = torch.tensor([360.0, 640], dtype=torch.float64)


def test_corners_match_reference(golden):
    corners = box_corners(to_boxes(golden["box3d"]))[:, PUBLISHED_ORDER]
    np.testing.assert_allclose(corners.numpy(), golden["corners"], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("near_plane", ["clip", "published"])
def test_boxes_in_the_image_match_reference(golden, near_plane):
    num = len(golden["box3d"])
    boxes, valid = project_boxes(
        to_boxes(golden["box3d"]),
        torch.from_numpy(golden["K"]).expand(num, 3, 3),
        torch.from_numpy(golden["imsize"]).expand(num, 2),
        near_plane=near_plane,
    )
    np.testing.assert_array_equal(valid.numpy(), golden["box2d_valid"])
    np.testing.assert_allclose(boxes.numpy(), golden["box2d"], rtol=1e-5, atol=1e-2)


def visible_extent(box: torch.Tensor, z_near: float) -> np.ndarray | None:
    """Extent in the image of the part of a box beyond z_near, by the vertices of that part.

    It is convex: its vertices are the corners in front and the cuts of the edges with the plane.
    """
    unit = np.array(list(itertools.product((-0.5, 0.5), repeat=3)))
    x, y, z = (unit * box[3:6].numpy()).T
    cos, sin = np.cos(box[6].item()), np.sin(box[6].item())
    corners = np.stack((cos * x + sin * z, y, cos * z - sin * x), -1) + box[:3].numpy()
    vertices = list(corners[corners[:, 2] >= z_near])
    for i, j in itertools.combinations(range(8), 2):
        first, second = corners[i], corners[j]
        is_edge = np.abs(unit[i] - unit[j]).sum() == 1
        if is_edge and (first[2] - z_near) * (second[2] - z_near) < 0:
            share = (z_near - first[2]) / (second[2] - first[2])
            vertices.append(first + share * (second - first))
    if not vertices:
        return None
    pixels = np.array(vertices) @ CAMERA.numpy().T
    pixels = pixels[:, :2] / pixels[:, 2:]
    return np.concatenate((pixels.min(0), pixels.max(0)))


def test_clipping_gives_the_extent_of_the_visible_part():
    boxes = random_boxes(60)
    z_near = 0.5
    big = torch.tensor([1e6, 1e6], dtype=torch.float64)
    camera = CAMERA.clone()
    camera[:2, 2] = 5e5  # no side of the image limits the box
    found, _ = project_boxes(boxes, camera.expand(60, 3, 3), big.expand(60, 2), z_near=z_near)
    shift = np.tile(5e5 - CAMERA[:2, 2].numpy(), 2)
    corners = box_corners(boxes)[..., 2]
    num_crossing = 0
    for box, box2d, depth in zip(boxes, found, corners, strict=True):
        expected = visible_extent(box, z_near)
        if expected is not None:
            num_crossing += int(depth.min() < z_near)
            np.testing.assert_allclose(box2d.numpy() - shift, expected, atol=1e-6)
    assert num_crossing >= 10


def test_published_rule_loses_part_of_a_box():
    boxes = random_boxes(400, seed=1)
    arguments = (boxes, CAMERA.expand(400, 3, 3), SIZE.expand(400, 2))
    clip, clip_valid = project_boxes(*arguments, near_plane="clip")
    published, published_valid = project_boxes(*arguments, near_plane="published")
    both = clip_valid & published_valid
    assert (published[both][:, :2] >= clip[both][:, :2] - 1e-9).all()
    assert (published[both][:, 2:] <= clip[both][:, 2:] + 1e-9).all()
    assert ((published - clip)[both].abs().amax(-1) > 1).any()


def test_boxes_behind_the_camera_are_not_valid():
    boxes = torch.tensor([[0.0, 0, -5, 2, 2, 2, 0.3], [0, 0, 5, 2, 2, 2, 0.3]], dtype=torch.float64)
    _, valid = project_boxes(boxes, CAMERA.expand(2, 3, 3), SIZE.expand(2, 2))
    assert valid.tolist() == [False, True]


def test_no_boxes():
    boxes, valid = project_boxes(
        torch.zeros(0, 7), torch.zeros(0, 3, 3), torch.zeros(0, 2), near_plane="clip"
    )
    assert boxes.shape == (0, 4)
    assert valid.shape == (0,)
