"""Point assignment: recorded targets, and the rules one by one."""

import pytest
import torch

from det_train_reference import NUM_CLASSES, STRIDES, TrainReference
from epropnp_det.models.training.targets import CenterAssigner, GroundTruth, make_point_grid


@pytest.fixture(scope="module")
def reference(golden_file):
    return TrainReference(golden_file)


def ground_truth(bboxes, centers, img_inds=None) -> GroundTruth:
    bboxes, centers = torch.tensor(bboxes).view(-1, 4), torch.tensor(centers).view(-1, 2)
    img_inds = torch.zeros(len(bboxes)).long() if img_inds is None else torch.tensor(img_inds)
    labels = torch.arange(len(bboxes)) % NUM_CLASSES
    return GroundTruth(img_inds, labels, bboxes.float(), centers.float(), *[None] * 5)


def grid_8_16(regress_ranges=((-1, 48), (48, 1e8))):
    """A 64 x 64 image with levels of stride 8 and 16."""
    points = []
    for stride in (8, 16):
        axis = torch.arange(64 // stride) * stride + stride / 2
        points.append(torch.cartesian_prod(axis, axis).flip(-1))
    return make_point_grid(points, (8, 16), regress_ranges)


def test_equals_recorded_targets(reference):
    targets = CenterAssigner((), NUM_CLASSES).assign(
        reference.point_grid(), reference.ground_truth(), 2
    )
    foreground = targets.labels < NUM_CLASSES
    assert foreground.sum() == 63
    torch.testing.assert_close(targets.labels, reference.by_image("tgt_labels"), rtol=0, atol=0)
    recorded_inds = reference.by_image("tgt_gt_inds")
    torch.testing.assert_close(targets.gt_inds, recorded_inds, rtol=0, atol=0)
    torch.testing.assert_close(
        targets.distances[foreground], reference.by_image("tgt_bbox")[foreground]
    )
    torch.testing.assert_close(targets.centerness, reference.by_image("tgt_centerness"))


def test_square_around_the_centre_is_open():
    # 12 px = 1.5 strides of the first level from the points at 20 and 44
    targets = CenterAssigner((), 10).assign(
        grid_8_16(), ground_truth([[16, 16, 48, 48]], [32.0, 32]), 1
    )
    points = grid_8_16().points[targets.labels[0] < 10]
    assert sorted(set(points[:, 0].tolist())) == [28, 36]


def test_level_follows_the_extent_not_the_size():
    # the box is 40 wide; only points with a side 48 or more away belong to the second level
    truth = ground_truth([[0, 0, 60, 40]], [30.0, 20])
    targets = CenterAssigner((), 10).assign(grid_8_16(), truth, 1)
    grid = grid_8_16()
    extent = targets.distances[0].amax(-1)
    foreground = targets.labels[0] < 10
    assert foreground.any()
    assert (extent[foreground & (grid.strides == 8)] <= 48).all()
    assert (extent[foreground & (grid.strides == 16)] >= 48).all()


def test_nearest_centre_wins_and_indices_are_global():
    truth = ground_truth(
        [[0, 0, 40, 40], [10, 10, 50, 50], [12, 10, 50, 50]],
        [[10.0, 10], [20.0, 20], [26, 20]],
        img_inds=[0, 1, 1],
    )
    targets = CenterAssigner((), 10).assign(grid_8_16(), truth, 2)
    point = (grid_8_16().points == 20).all(-1).nonzero()[0, 0]
    assert targets.gt_inds[0, point] == 0
    assert targets.gt_inds[1, point] == 1
    right = (grid_8_16().points == torch.tensor([28.0, 20])).all(-1).nonzero()[0, 0]
    assert targets.gt_inds[1, right] == 2


def test_point_outside_the_box_may_be_positive():
    targets = CenterAssigner((), 10).assign(
        grid_8_16(), ground_truth([[30, 30, 50, 50]], [32.0, 32]), 1
    )
    foreground = targets.labels[0] < 10
    assert (targets.distances[0][foreground] < 0).any()


def test_image_without_ground_truth_is_background():
    truth = ground_truth([[0, 0, 40, 40]], [20.0, 20], img_inds=[1])
    targets = CenterAssigner((), 10).assign(grid_8_16(), truth, 3)
    for image in (0, 2):
        assert (targets.labels[image] == 10).all()
        assert (targets.centerness[image] == 0).all()
    assert (targets.labels[1] < 10).any()


def test_no_ground_truth_at_all():
    targets = CenterAssigner((), 10).assign(grid_8_16(), ground_truth([], []), 2)
    assert targets.labels.shape == (2, 80)
    assert (targets.labels == 10).all()
    assert targets.distances.isfinite().all()


def test_wrong_number_of_ranges_is_named():
    with pytest.raises(ValueError, match="1 entries for 2 levels"):
        grid_8_16(regress_ranges=((-1, 48),))


def test_levels_of_the_reference_are_complete(reference):
    grid = reference.point_grid()
    assert len(grid.points) == sum(128 * 256 // stride**2 for stride in STRIDES)


def test_radius_and_decay_are_settings():
    truth = ground_truth([[16, 16, 48, 48]], [32.0, 32])
    wide = CenterAssigner((), 10, center_radius=3.0).assign(grid_8_16(), truth, 1)
    narrow = CenterAssigner((), 10).assign(grid_8_16(), truth, 1)
    assert (wide.labels == 0).sum() > (narrow.labels == 0).sum() > 0
    steep = CenterAssigner((), 10, centerness_alpha=5.0).assign(grid_8_16(), truth, 1)
    torch.testing.assert_close(steep.centerness, narrow.centerness.square())
