"""Suppression across cameras, against polygons intersected by shapely."""

import numpy as np
import pytest
from shapely import affinity
from shapely.geometry import box as rectangle

from epropnp_data.geometry.boxes import yaw_to_rotation
from epropnp_det.evaluation.boxes import GlobalBoxes
from epropnp_det.evaluation.merging import merge_cameras, rotated_nms, rotated_nms_float32


def upright(headings):
    """Rotation about z."""
    cos, sin, zero = np.cos(headings), np.sin(headings), np.zeros_like(headings)
    rows = [cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1]
    return np.stack(rows, -1).reshape(-1, 3, 3)


def make(xy, headings=None, labels=None, scores=None, sizes_wl=None):
    count = len(xy)
    headings = np.zeros(count) if headings is None else np.asarray(headings, dtype=float)
    sizes = np.tile([2.0, 4.0], (count, 1)) if sizes_wl is None else np.asarray(sizes_wl)
    return GlobalBoxes(
        centers=np.column_stack([np.asarray(xy, dtype=float).reshape(-1, 2), np.zeros(count)]),
        sizes_wlh=np.column_stack([sizes, np.full(count, 1.5)]),
        rotations=upright(headings),
        velocities=np.zeros((count, 2)),
        scores=np.linspace(1, 0.5, count) if scores is None else np.asarray(scores, dtype=float),
        labels=np.zeros(count, int) if labels is None else np.asarray(labels),
        attr_labels=np.full(count, 8),
    )


def footprint(boxes, row):
    width, length, _ = boxes.sizes_wlh[row]
    shape = rectangle(-length / 2, -width / 2, length / 2, width / 2)
    shape = affinity.rotate(shape, boxes.headings[row], origin=(0, 0), use_radians=True)
    return affinity.translate(shape, *boxes.centers[row, :2])


def greedy(boxes, threshold):
    kept = []
    for row in np.argsort(-boxes.scores):
        mine = footprint(boxes, row)
        for other in kept:
            theirs = footprint(boxes, other)
            overlap = mine.intersection(theirs).area
            iou = overlap / (mine.area + theirs.area - overlap)
            if boxes.labels[row] == boxes.labels[other] and iou > threshold:
                break
        else:
            kept.append(row)
    return sorted(kept)


@pytest.mark.parametrize("offset", [0.0, 1500.0])
def test_random_boxes_agree_with_polygons(offset):
    rng = np.random.default_rng(0)
    count = 120
    boxes = make(
        rng.uniform(0, 25, (count, 2)) + offset,
        rng.uniform(-4, 4, count),
        rng.integers(0, 3, count),
        rng.permutation(count) / count,
        rng.uniform(1, 6, (count, 2)),
    )
    kept = sorted(rotated_nms(boxes, 0.25).tolist())
    assert kept == greedy(boxes, 0.25)
    assert 10 < len(kept) < count - 10


def test_heading_turns_the_right_way():
    """Two long boxes along the same diagonal overlap; mirrored headings would make a cross."""
    sizes = [[1.0, 10.0], [1.0, 10.0]]
    along = make([[0, 0], [2, 2]], [np.pi / 4] * 2, sizes_wl=sizes)
    assert len(rotated_nms(along, 0.25)) == 1
    across = make([[0, 0], [2, -2]], [np.pi / 4] * 2, sizes_wl=sizes)
    assert len(rotated_nms(across, 0.25)) == 2


def test_a_lone_box_survives():
    assert len(merge_cameras([make([[5, 5]])]).labels) == 1
    assert len(merge_cameras([make([[5, 5]]), GlobalBoxes.empty()]).labels) == 1


def test_no_box_at_all():
    assert len(merge_cameras([]).labels) == 0
    assert len(merge_cameras([GlobalBoxes.empty()]).labels) == 0


def test_best_of_two_cameras_wins_and_classes_do_not_compete():
    first = make([[0, 0], [10, 0]], labels=[0, 0], scores=[0.4, 0.9])
    second = make([[0.2, 0], [10, 0]], labels=[0, 1], scores=[0.6, 0.3])
    merged = merge_cameras([first, second])
    np.testing.assert_allclose(merged.scores, [0.9, 0.6, 0.3])
    np.testing.assert_array_equal(merged.labels, [0, 0, 1])


def test_identical_boxes_leave_one():
    assert len(merge_cameras([make([[3, 4]] * 5, [0.3] * 5)]).labels) == 1


def test_almost_equal_boxes_leave_one_each():
    """The same object from two cameras, equal up to rounding."""
    rng = np.random.default_rng(2)
    count = 400
    grid = np.stack(np.meshgrid(np.arange(20), np.arange(20)), -1).reshape(-1, 2) * 15.0
    first = make(grid, rng.uniform(-4, 4, count), sizes_wl=rng.uniform(1, 10, (count, 2)))
    for noise in (0, 1e-9, 1e-7, 1e-5):
        shift = noise * rng.normal(size=(count, 3))
        second = first._replace(centers=first.centers + shift, scores=first.scores * 0.9)
        merged = merge_cameras([second, first])
        np.testing.assert_allclose(merged.scores, first.scores)


def test_the_best_500_are_kept():
    rng = np.random.default_rng(1)
    boxes = make(np.column_stack([np.arange(620) * 9.0, np.zeros(620)]), scores=rng.random(620))
    merged = merge_cameras([boxes])
    np.testing.assert_allclose(merged.scores, np.sort(boxes.scores)[::-1][:500])


def test_pitch_and_roll_do_not_matter_much():
    boxes = make([[0, 0], [0.5, 0]], [0.3, 0.3])
    tilt = yaw_to_rotation(np.array([0.02]))[0]
    tilted = boxes._replace(rotations=tilt @ boxes.rotations)
    np.testing.assert_allclose(tilted.headings, 0.3, atol=1e-3)
    assert len(rotated_nms(tilted, 0.25)) == 1


def test_published_suppression_agrees_where_boxes_differ():
    """By mmcv in float32: the same on boxes that are no near twins, class by class."""
    rng = np.random.default_rng(1)
    boxes = make(
        rng.uniform(0, 25, (60, 2)) + 1500,
        rng.uniform(-3, 3, 60),
        rng.integers(0, 3, 60),
        rng.permutation(60) / 60,
    )
    kept = rotated_nms_float32(boxes, 0.25)
    np.testing.assert_array_equal(kept, rotated_nms(boxes, 0.25))
    assert len(kept) < 60
    merged = merge_cameras([boxes], 0.25, 500, exact=False)
    np.testing.assert_array_equal(merged.scores, boxes.scores[kept])
    assert len(rotated_nms_float32(GlobalBoxes.empty(), 0.25)) == 0
