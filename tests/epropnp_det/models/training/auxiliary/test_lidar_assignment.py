"""Cells of lidar returns: both rules against plain code, and against each other."""

import pytest
import torch

from det_train_reference import TrainReference
from epropnp_det.models.structures import BatchGeometry
from epropnp_det.models.training.auxiliary import InterpolatedCells, TransformedCells
from epropnp_det.models.training.auxiliary.lidar_regression import lidar_cells
from epropnp_det.models.training.auxiliary.roi_features import RoIFeatures, roi_coordinates
from epropnp_det.models.training.targets import LidarPoints

TRANSFORMS = torch.tensor(  # resized and cropped; mirrored and resized
    [[[0.8, 0, 0], [0, 0.8, -20], [0, 0, 1]], [[-1.5, 0, 300], [0, 1.5, 3], [0, 0, 1]]]
)
SIZES = torch.tensor([[180.0, 320.0], [160.0, 300.0]])
BOXES = torch.tensor(  # the first two in image 0
    [[10.0, 20, 90, 60], [100, 5, 290, 170], [30, 40, 63, 121], [150, 9, 290, 38]]
)
IMG_INDS = torch.tensor([0, 0, 1, 1])


def regions(roi_size, boxes=BOXES, img_inds=IMG_INDS):
    geometry = BatchGeometry(None, TRANSFORMS, SIZES, SIZES, torch.tensor([0, 1]), (192, 320))
    rois = torch.cat([img_inds[:, None].float(), boxes], 1)
    x2d = roi_coordinates(boxes, img_inds, geometry, roi_size)
    return RoIFeatures(torch.arange(len(boxes)), rois, x2d, None, None)


def random_returns(num, seed=0):
    """Returns (num, 2) around the regions, the region and the transform of each."""
    generator = torch.Generator().manual_seed(seed)
    roi_inds = torch.randint(len(BOXES), (num,), generator=generator)
    start, end = BOXES[roi_inds].split(2, dim=1)
    points = start + (1.4 * torch.rand(num, 2, generator=generator) - 0.2) * (end - start)
    transforms = TRANSFORMS[IMG_INDS[roi_inds]]
    points = torch.cat([points, torch.ones(num, 1)], 1)[..., None]
    return torch.linalg.solve(transforms, points)[:, :2, 0], roi_inds, transforms


@pytest.mark.parametrize("roi_size", [14, 28])
@pytest.mark.parametrize("shift", [0.0, 0.5])
def test_interpolation_is_the_published_formula(roi_size, shift):
    rois = regions(roi_size)
    points, roi_inds, transforms = random_returns(200)
    cells = InterpolatedCells(pixel_shift=shift)(points, roi_inds, rois, transforms)
    for (u, v), roi, cell in zip(points.tolist(), roi_inds.tolist(), cells.tolist(), strict=True):
        first, last = rois.x2d[roi, 0, 0].tolist(), rois.x2d[roi, -1, -1].tolist()
        expected = [
            round(min(max((value + shift - a) / (b - a), 0), 1) * (roi_size - 1))
            for value, a, b in zip((u, v), first, last, strict=True)
        ]
        assert cell == expected
    assert cells.unique(dim=0).shape[0] > 100


def test_both_rules_agree_in_the_image_mirrored_or_not():
    rois = regions(14)
    assert (rois.x2d[2, 0, -1] < rois.x2d[2, 0, 0])[0]  # x runs backwards
    arguments = (*random_returns(500)[:2], rois, random_returns(500)[2])
    interpolated, transformed = InterpolatedCells()(*arguments), TransformedCells()(*arguments)
    assert torch.equal(interpolated, transformed)


def test_rules_differ_where_border_cells_saturate():
    """A box of 4 pixels at the corner of the image: its first cells all show the corner pixel."""
    rois = regions(14, torch.tensor([[0.0, 0, 4, 4]]), torch.tensor([0]))
    spot = torch.linalg.solve(TRANSFORMS[0], torch.tensor([1.0, 1.0, 1.0]))[None, :2]
    arguments = (spot, torch.tensor([0]), rois, TRANSFORMS[:1])
    assert TransformedCells()(*arguments).tolist() == [[3, 3]]
    assert InterpolatedCells()(*arguments).tolist() == [[2, 2]]


def test_a_region_of_one_pixel_has_one_cell():
    rois = regions(14, torch.tensor([[0.0, 0, 0.5, 0.5]]), torch.tensor([0]))
    cells = InterpolatedCells()(torch.tensor([[0.1, 25.2]]), torch.tensor([0]), rois, None)
    assert ((cells >= 0) & (cells < 14)).all()


@pytest.fixture(scope="module")
def reference(golden_file):
    return TrainReference(golden_file)


def test_means_of_the_cells_equal_plain_loops(reference):
    truth, geometry = reference.ground_truth(), reference.geometry()
    gt_inds = torch.tensor([0, 2, 5, 6])
    rois = torch.cat([truth.img_inds[gt_inds, None].float(), truth.bboxes[gt_inds]], 1)
    cells = lidar_cells(
        RoIFeatures(gt_inds, rois, torch.zeros(4, 14, 14, 2), None, None),
        truth,
        geometry,
        TransformedCells(),
    )
    expected = {}
    for point, uv, owner in zip(
        truth.lidar.points_obj, truth.lidar.points_uv, truth.lidar.gt_inds, strict=True
    ):
        if owner not in gt_inds:
            continue
        x, y, _ = geometry.img_transforms[truth.img_inds[owner]] @ torch.cat([uv, uv[:1] * 0 + 1])
        x1, y1, x2, y2 = truth.bboxes[owner].tolist()
        column = min(max(round(((x.item() - x1) / (x2 - x1)) * 14 - 0.5), 0), 13)
        row = min(max(round(((y.item() - y1) / (y2 - y1)) * 14 - 0.5), 0), 13)
        key = (gt_inds.tolist().index(owner.item()), row * 14 + column)
        expected.setdefault(key, []).append(point)
    found = {
        (roi, cell): point
        for roi, cell, point in zip(
            cells.roi_inds.tolist(), cells.cells.tolist(), cells.points_obj, strict=True
        )
    }
    assert found.keys() == expected.keys()
    for key, points in expected.items():
        torch.testing.assert_close(found[key], torch.stack(points).mean(0))


def test_no_points(reference):
    truth = reference.ground_truth()
    empty = LidarPoints(*(field[:0] for field in truth.lidar))
    rois = torch.cat([truth.img_inds[:, None].float(), truth.bboxes], 1)
    regions = RoIFeatures(torch.arange(7), rois, torch.zeros(7, 14, 14, 2), None, None)
    for rule in (TransformedCells(), InterpolatedCells()):
        cells = lidar_cells(regions, truth._replace(lidar=empty), reference.geometry(), rule)
        assert [len(field) for field in cells] == [0, 0, 0]
